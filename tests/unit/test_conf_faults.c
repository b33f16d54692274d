/* Every fault that a file can have: what is written, and the lines that teal check prints. */
// links: conf
#include "conf/conf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/conf_faults.h"

#define LONG_LABEL "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const struct fault_case cases[] = {
	{"an empty file", "", "1:1: the file is empty: expected at least listen and services\n"},
	{"comments alone",
		"# nothing\n"
		"\n",
		"1:1: the file is empty: expected at least listen and services\n"},
	{"an empty document",
		"---\n"
		"...\n",
		"2:1: expected a mapping with keys such as listen and services, found nothing\n"},
	{"a list", "- a\n", "1:1: expected a mapping with keys such as listen and services, found a list\n"},
	{"a word", "teal\n", "1:1: expected a mapping with keys such as listen and services, found 'teal'\n"},
	{"a star without quotes", "listen: [{address: *:80}]\n", "1:21: not valid YAML: a value that begins with * needs quotes\n"},
	{"a wildcard without quotes", "services: {shop: {hosts: [*.example.com], blue: {}, green: {}}}\n",
		"1:28: not valid YAML: a value that begins with * needs quotes\n"},
	{"two documents",
		"--- {}\n"
		"--- {}\n",
		"2:1: a second document begins here: one file holds one\n"},
	{"a tab",
		"listen:\n"
		"\t- a\n",
		"2:1: not valid YAML: a tab is no indentation, use spaces\n"},
	{"an open bracket", "listen: [{address: ':80'}\n",
		"2:1: not valid YAML: did not find expected ',' or ']' while parsing a flow sequence that begins on line 1\n"},
	{"an open quote", "listen: \"abc\n", "2:1: not valid YAML: found unexpected end of stream while scanning a quoted scalar that begins on line 1\n"},
	{"bytes that are no text", "listen: caf\xe9\n", "1:12: not valid YAML: incomplete UTF-8 octet sequence\n"},
	{"a control character", "state: \x01\n", "1:8: not valid YAML: control characters are not allowed\n"},
	{"a NUL in a text", "state: \"a\\0b\"\n", "1:8: a NUL character is not allowed\n"},
	{"an anchor", "state: &a /x\n",
		"1:8: anchors (&), aliases (*) and tags (!) are not supported: write the value itself, in quotes if it begins with such a character\n"},
	{"an alias", "state: *a\n",
		"1:8: anchors (&), aliases (*) and tags (!) are not supported: write the value itself, in quotes if it begins with such a character\n"},
	{"a tag", "state: !!str /x\n",
		"1:8: anchors (&), aliases (*) and tags (!) are not supported: write the value itself, in quotes if it begins with such a character\n"},
	{"a tag directive", "---\n%TAG ! tag:x\n", "2:1: tags (%TAG) are not supported: leave this line out\n"},
	{"UTF-16",
		"\xff\xfe"
		"a",
		"1:1: not valid YAML: invalid leading UTF-8 octet\n"},
	{"a fault behind a byte order mark", "\xef\xbb\xbf" ROOT "a: 1\n", "3:1: unknown key 'a'\n"},
	{"a fault right behind a byte order mark",
		"\xef\xbb\xbf"
		"1\n",
		"1:1: expected a mapping with keys such as listen and services, found '1'\n"},
	{"a key that is a list", "[a, b]: c\n", "1:1: a key must be a plain word, not a list or a mapping\n"},
	{"a key that is a mapping",
		"? {a: b}\n"
		": c\n",
		"1:3: a key must be a plain word, not a list or a mapping\n"},
	{"nothing of what is needed", "{}\n", "1:1: services is missing: name at least one service with its two colors\n"},
	{"an unknown key", ROOT "wrokers: 2\n", "3:1: unknown key 'wrokers': did you mean 'workers'?\n"},
	{"an unknown key without a like", ROOT "zebra: 2\n", "3:1: unknown key 'zebra'\n"},
	{"a key of another map", ROOT "header_bytes: 1KiB\n", "3:1: unknown key 'header_bytes': did you mean 'limits.header_bytes'?\n"},
	{"a dotted key", ROOT "limits.headers: 3\n", "3:1: unknown key 'limits.headers'\n"},
	{"a repeated key",
		ROOT "workers: 1\n"
		     "workers: 2\n"
		     "workers: 3\n",
		"4:1: key 'workers' is given twice, first on line 3: keep one\n"
		"5:1: key 'workers' is given twice, first on line 3: keep one\n"},
	{"a key without a value",
		ROOT "state:\n"
		     "workers: ~\n",
		"3:1: state has no value: write one, or leave the key out\n"
		"4:1: workers has no value: write one, or leave the key out\n"},
	{"a map without a value", ROOT "limits:\n", "3:1: limits has no value: write its keys below it, or {} for none\n"},
	{"a map that is a list",
		ROOT "limits: [1]\n"
		     "timeouts: 3s\n",
		"3:9: limits: expected a mapping, found a list\n"
		"4:11: timeouts: expected a mapping, found '3s'\n"},
	{"several faults in file order",
		ROOT "timeouts: {header: 5}\n"
		     "admn: {}\n"
		     "limits: {headers: 0}\n",
		"3:20: timeouts.header: expected a duration with its unit, found '5': write 5s or 5ms\n"
		"4:1: unknown key 'admn': did you mean 'admin'?\n"
		"5:19: limits.headers: expected a whole number from 1 to 256, found '0'\n"},
	{"workers", ROOT "workers: 0\n", "3:10: workers: expected auto or a whole number from 1 to 256, found '0'\n"},
	{"workers as a word", ROOT "workers: many\n", "3:10: workers: expected auto or a whole number from 1 to 256, found 'many'\n"},
	{"workers in quotes", ROOT "workers: '2'\n", "3:10: workers: expected a number without quotes, found '2'\n"},
	{"workers as a list", ROOT "workers: [2]\n", "3:10: workers: expected one value, found a list\n"},
	{"an empty state", ROOT "state: ''\n", "3:8: state: expected the name of a file, found ''\n"},
	{"a socket that is too long", ROOT "admin: {socket: /" LONG_LABEL "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa}\n",
		"3:17: admin.socket: expected a path of at most 107 bytes, which is all that a unix socket may have, found 108\n"},
	{"admin.listen without a port", ROOT "admin: {listen: 127.0.0.1}\n",
		"3:17: admin.listen: '127.0.0.1' has no port: expected HOST:PORT, [IPv6]:PORT or unix:/PATH\n"},
	{"admin.listen on a socket", ROOT "admin: {listen: 'unix:/a'}\n",
		"3:17: admin.listen: expected an IP address with a port, found 'unix:/a': a unix socket belongs in admin.socket\n"},
	{"admin.listen for everybody without a token",
		ROOT "admin:\n"
		     "  listen: 0.0.0.0:9180\n",
		"4:11: admin.listen: 0.0.0.0:9180 is not a loopback address, so admin.token_file is missing: name the file that holds the token\n"},
	{"admin.listen on IPv6 without a token", ROOT "admin: {listen: '[::]:9180'}\n",
		"3:17: admin.listen: [::]:9180 is not a loopback address, so admin.token_file is missing: name the file that holds the token\n"},
	{"admin.listen on a port of ours", ROOT "admin: {listen: '127.0.0.1:80'}\n",
		"1:20: listen: :80 takes the address of admin.listen, 127.0.0.1:80: give one of them another port\n"},
	{"an unknown key of admin", ROOT "admin: {sokcet: /a}\n", "3:9: unknown key 'sokcet' in admin: did you mean 'socket'?\n"},
	{"access_log as on", ROOT "access_log: on\n", "3:13: access_log: expected off or a mapping, found 'on'\n"},
	{"access_log without a path", ROOT "access_log: {format: json}\n",
		"3:1: access_log.path is missing: name the file to append to, or write access_log: off\n"},
	{"an unknown format", ROOT "access_log: {path: a, format: jason}\n",
		"3:31: access_log.format: expected off, json or combined, found 'jason': did you mean json?\n"},
	{"a block that is none", ROOT "trusted_proxies: [10.0.0.0/8, 10.0.0.1/8, example.com]\n",
		"3:31: trusted_proxies: '10.0.0.1/8' has address bits set behind its first 8: write the block's first address\n"
		"3:43: trusted_proxies: 'example.com' is not an address block: expected one as in 10.0.0.0/8 or 2001:db8::/32\n"},
	{"a single block", ROOT "trusted_proxies: 10.0.0.0/8\n", "3:18: trusted_proxies: expected a list, as in [A, B], found '10.0.0.0/8'\n"},
	{"a list in a list", ROOT "trusted_proxies: [[10.0.0.0/8], ~, {a: b}]\n",
		"3:19: trusted_proxies: expected one value for each element, found a list\n"
		"3:33: trusted_proxies: expected one value for each element, found nothing\n"
		"3:36: trusted_proxies: expected one value for each element, found a mapping\n"},
	{"header_bytes", ROOT "limits: {header_bytes: 64kib}\n", "3:24: limits.header_bytes: expected a size such as 64KiB or 1MiB, found '64kib'\n"},
	{"too few header_bytes", ROOT "limits: {header_bytes: 10}\n", "3:24: limits.header_bytes: expected a size from 1KiB to 1MiB, found '10'\n"},
	{"too many headers", ROOT "limits: {headers: 257}\n", "3:19: limits.headers: expected a whole number from 1 to 256, found '257'\n"},
	{"a negative body", ROOT "limits: {body: -1}\n", "3:16: limits.body: expected a size such as 64KiB or 1MiB, found '-1'\n"},
	{"no connections", ROOT "limits: {connections: 0}\n", "3:23: limits.connections: expected a whole number from 1 to 10000000, found '0'\n"},
	{"too many connections of a client", ROOT "limits: {connections_per_client: 65536}\n",
		"3:34: limits.connections_per_client: expected a whole number from 0 to 65535, found '65536'\n"},
	{"a rate with its time", ROOT "limits: {rate: 100/s}\n", "3:16: limits.rate: expected a size such as 64KiB or 1MiB, found '100/s'\n"},
	{"a rate that nobody has", ROOT "limits: {rate: 2GiB}\n", "3:16: limits.rate: expected a size from 0 to 1GiB, found '2GiB'\n"},
	{"a total that is too long", ROOT "timeouts: {total: 2d}\n", "3:19: timeouts.total: expected a duration from 0s to 1d, found '2d'\n"},
	{"a key of limits and of a listener", ROOT "connections: 5\n", "3:1: unknown key 'connections': did you mean 'limits.connections'?\n"},
	{"TLS beside the listeners", ROOT "tls: {certificates: []}\n", "3:1: unknown key 'tls': did you mean 'listen[].tls'?\n"},
	{"a key of a listener", ROOT "address: ':81'\n", "3:1: unknown key 'address': did you mean 'listen[].address'?\n"},
	{"an unknown limit", ROOT "limits: {header: 1}\n", "3:10: unknown key 'header' in limits: did you mean 'headers'?\n"},
	{"a duration without a unit", ROOT "timeouts: {connect: 3}\n",
		"3:21: timeouts.connect: expected a duration with its unit, found '3': write 3s or 3ms\n"},
	{"a duration of no time", ROOT "timeouts: {connect: 0}\n", "3:21: timeouts.connect: expected a duration from 1ms to 1h, found '0'\n"},
	{"a duration that is too long", ROOT "timeouts: {header: 2h}\n", "3:20: timeouts.header: expected a duration from 1ms to 1h, found '2h'\n"},
	{"a duration that is none", ROOT "timeouts: {stall: soon, idle: -1s}\n",
		"3:19: timeouts.stall: expected a duration such as 500ms, 1s, 5m or 1h, found 'soon'\n"
		"3:31: timeouts.idle: expected a duration such as 500ms, 1s, 5m or 1h, found '-1s'\n"},
	{"no listener", "listen: []\n" SERVICES, "1:9: listen is empty, so nothing can reach service 'shop': add a listener, as in {address: 0.0.0.0:80}\n"},
	{"no listen", SERVICES, "1:1: listen is missing, so nothing can reach service 'shop': add listen: [{address: 0.0.0.0:80}]\n"},
	{"a listener that is a word", "listen: :80\n" SERVICES, "1:9: listen: expected a list, as in [{address: 0.0.0.0:80}], found ':80'\n"},
	{"listeners that are words", "listen: [':80', ':81']\n" SERVICES,
		"1:10: listen: expected a mapping for each element, as in {address: 0.0.0.0:80}, found ':80'\n"
		"1:17: listen: expected a mapping for each element, as in {address: 0.0.0.0:80}, found ':81'\n"},
	{"a listener without an address", "listen: [{}]\n" SERVICES, "1:10: listen.address is missing: write where to listen, as in address: 0.0.0.0:80\n"},
	{"a listener by name", "listen: [{address: 'localhost:80'}]\n" SERVICES,
		"1:20: listen.address: 'localhost:80' is a name, and listening needs an address: as in 127.0.0.1:80, [::1]:80 or *:80\n"},
	{"a PROXY protocol of one version", "listen: [{address: ':80', proxy_protocol: v2}]\n" SERVICES,
		"1:43: listen.proxy_protocol: expected off or on, found 'v2'\n"},
	{"a listener's connections", "listen: [{address: ':80', connections: all}]\n" SERVICES,
		"1:40: listen.connections: expected a whole number from 0 to 10000000, found 'all'\n"},
	{"an unknown key of a listener", "listen: [{adress: ':443'}]\n" SERVICES, "1:11: unknown key 'adress' in listen: did you mean 'address'?\n"},
	{"one address twice", "listen: [{address: '127.0.0.1:80'}, {address: '127.0.0.1:80'}]\n" SERVICES,
		"1:47: listen: 127.0.0.1:80 is listed twice: keep one\n"},
	{"addresses in common",
		"listen:\n"
		"  - address: 127.0.0.1:80\n"
		"  - address: 0.0.0.0:80\n"
		"  - address: '*:80'\n" SERVICES,
		"3:14: listen: 0.0.0.0:80 and 127.0.0.1:80 have addresses in common: keep the wider one, or take another port\n"
		"4:14: listen: *:80 and 127.0.0.1:80 have addresses in common: keep the wider one, or take another port\n"},
	{"no services", LISTEN "services: {}\n", "2:11: services: expected a mapping with at least one service, found an empty mapping\n"},
	{"services as a list", LISTEN "services: [shop]\n", "2:11: services: expected a mapping with at least one service, found a list\n"},
	{"a service that is nothing",
		LISTEN "services:\n"
		       "  shop:\n",
		"3:3: services.shop: expected a mapping with blue and green\n"},
	{"a service called blue",
		LISTEN "services:\n"
		       "  blue: {hosts: [a], blue: {}, green: {}}\n"
		       "  green: {blue: {}, green: {}}\n",
		"3:3: no service can be called blue, as that is a color: give it another name\n"
		"4:3: no service can be called green, as that is a color: give it another name\n"},
	{"a name with a space", LISTEN "services: {'my shop': {blue: {}, green: {}}}\n",
		"2:12: 'my shop' can't be the name of a service: expected 1 to 63 letters, digits, '.', '_' or '-', a letter or a digit first\n"},
	{"a name that is too long", LISTEN "services: {" LONG_LABEL "a: {blue: {}, green: {}}}\n",
		"2:12: '" LONG_LABEL "a' can't be the name of a service: expected 1 to 63 letters, digits, '.', '_' or '-', a letter or a digit first\n"},
	{"a service twice",
		LISTEN "services:\n"
		       "  shop: {blue: {}, green: {}}\n"
		       "  shop: {blue: {}, green: {}}\n",
		"4:3: key 'shop' is given twice, first on line 3: keep one\n"},
	{"a service without green",
		LISTEN "services:\n"
		       "  shop:\n"
		       "    blue: {}\n",
		"3:3: services.shop.green is missing: a color that starts without backends is written as green: {}\n"},
	{"a service without colors",
		LISTEN "services:\n"
		       "  shop: {}\n",
		"3:3: services.shop.blue is missing: a color that starts without backends is written as blue: {}\n"
		"3:3: services.shop.green is missing: a color that starts without backends is written as green: {}\n"},
	{"a color without a value",
		LISTEN "services:\n"
		       "  shop: {blue: , green: []}\n",
		"3:10: services.shop.blue has no value: write its keys below it, or {} for none\n"
		"3:25: services.shop.green: expected a mapping, found an empty list\n"},
	{"a misspelt color",
		LISTEN "services:\n"
		       "  shop: {blue: {}, gren: {}}\n",
		"3:20: unknown key 'gren' in services.shop: did you mean 'green'?\n"},
	{"a backend twice",
		LISTEN "services:\n"
		       "  shop: {blue: {backends: ['a:1', 'b:1', 'A:1']}, green: {}}\n",
		"3:42: services.shop.blue.backends: 'A:1' is listed twice in this color: keep one\n"},
	{"bad backends",
		LISTEN "services:\n"
		       "  shop: {blue: {backends: [a, 'http://a:1', 'a:0', '10.0.0.256:1', 'unix:x']}, green: {backends: 'a:1'}}\n",
		"3:28: services.shop.blue.backends: 'a' has no port: expected HOST:PORT, [IPv6]:PORT or unix:/PATH\n"
		"3:31: services.shop.blue.backends: 'http://a:1' is a URL: write HOST:PORT alone\n"
		"3:45: services.shop.blue.backends: 'a:0' has port 0: expected a number from 1 to 65535\n"
		"3:52: services.shop.blue.backends: '10.0.0.256' is not an IPv4 address: expected HOST:PORT, [IPv6]:PORT or unix:/PATH\n"
		"3:68: services.shop.blue.backends: 'unix:x' needs an absolute path after unix:, as in unix:/run/app.sock\n"
		"3:98: services.shop.green.backends: expected a list, as in [A, B], found 'a:1'\n"},
	{"an unknown key of a color",
		LISTEN "services:\n"
		       "  shop: {blue: {backend: []}, green: {weight: 1}}\n",
		"3:17: unknown key 'backend' in services.shop.blue: did you mean 'backends'?\n"
		"3:39: unknown key 'weight' in services.shop.green\n"},
	{"a version with a line break",
		LISTEN "services:\n"
		       "  shop: {blue: {version: \"a\\nb\"}, green: {version: {}}}\n",
		"3:26: services.shop.blue.version: expected a text without line breaks, found 'a?b': begin it with >- and YAML joins its lines\n"
		"3:52: services.shop.green.version: expected one value, found an empty mapping\n"},
	{"two services that take everything",
		LISTEN "services:\n"
		       "  shop: {blue: {}, green: {}}\n"
		       "  api: {blue: {}, green: {}}\n",
		"4:3: services.api: every host with path / is already taken by service 'shop' on line 3: change hosts or paths of one of them\n"},
	{"two services with one host",
		LISTEN "services:\n"
		       "  shop: {hosts: [a.example, b.example], blue: {}, green: {}}\n"
		       "  api: {hosts: [B.example], blue: {}, green: {}}\n",
		"4:16: services.api: host b.example with path / is already taken by service 'shop' on line 3: change hosts or paths of one of them\n"},
	{"two services with one path",
		LISTEN "services:\n"
		       "  shop: {paths: [/, /api/], blue: {}, green: {}}\n"
		       "  api: {paths: [/v1, /api], blue: {}, green: {}}\n"
		       "  more: {paths: [/api], blue: {}, green: {}}\n",
		"4:22: services.api: every host with path /api is already taken by service 'shop' on line 3: change hosts or paths of one of them\n"
		"5:18: services.more: every host with path /api is already taken by service 'shop' on line 3: change hosts or paths of one of them\n"},
	{"a host twice", SHOP "    hosts: [a.example, A.example]\n", "6:24: services.shop.hosts: 'A.example' is listed twice: keep one\n"},
	{"bad hosts", SHOP "    hosts: ['*', 'a:80', 'http://a', 'a.*', '', 'a b', '*.', 'a.']\n",
		"6:13: services.shop.hosts: '*' is no host: a service without hosts takes every host\n"
		"6:18: services.shop.hosts: expected a host without port, such as shop.example.com or *.example.com, found 'a:80'\n"
		"6:26: services.shop.hosts: expected a host without port, such as shop.example.com or *.example.com, found 'http://a'\n"
		"6:38: services.shop.hosts: expected a host without port, such as shop.example.com or *.example.com, found 'a.*'\n"
		"6:45: services.shop.hosts: expected a host without port, such as shop.example.com or *.example.com, found ''\n"
		"6:49: services.shop.hosts: expected a host without port, such as shop.example.com or *.example.com, found 'a b'\n"
		"6:56: services.shop.hosts: expected a host without port, such as shop.example.com or *.example.com, found '*.'\n"
		"6:62: services.shop.hosts: expected a host without port, such as shop.example.com or *.example.com, found 'a.'\n"},
	{"bad paths", SHOP "    paths: [shop, '/a b', '/a?b', '/a#b', '']\n",
		"6:13: services.shop.paths: expected a path that begins with / and has no spaces, ? or #, such as /shop, found 'shop'\n"
		"6:19: services.shop.paths: expected a path that begins with / and has no spaces, ? or #, such as /shop, found '/a b'\n"
		"6:27: services.shop.paths: expected a path that begins with / and has no spaces, ? or #, such as /shop, found '/a?b'\n"
		"6:35: services.shop.paths: expected a path that begins with / and has no spaces, ? or #, such as /shop, found '/a#b'\n"
		"6:43: services.shop.paths: expected a path that begins with / and has no spaces, ? or #, such as /shop, found ''\n"},
	{"a path twice", SHOP "    paths: [/shop, /shop/]\n", "6:20: services.shop.paths: '/shop/' is listed twice: keep one\n"},
	{"a single host", SHOP "    hosts: a.example\n", "6:12: services.shop.hosts: expected a list, as in [A, B], found 'a.example'\n"},
	{"an unknown key of a service", SHOP "    timeout: 3s\n", "6:5: unknown key 'timeout' in services.shop: did you mean 'probe.timeout'?\n"},
	{"live", SHOP "    live: bleu\n", "6:11: services.shop.live: expected blue or green, found 'bleu': did you mean blue?\n"},
	{"live in capitals", SHOP "    live: Green\n", "6:11: services.shop.live: expected blue or green, found 'Green': did you mean green?\n"},
	{"a PROXY protocol without a version", LISTEN "services: {shop: {blue: {proxy_protocol: on}, green: {proxy_protocol: v3}}}\n",
		"2:42: services.shop.blue.proxy_protocol: expected off, v1 or v2, found 'on'\n"
		"2:71: services.shop.green.proxy_protocol: expected off, v1 or v2, found 'v3': did you mean v1?\n"},
	{"balance", SHOP "    balance: random\n", "6:14: services.shop.balance: expected least_connections, round_robin or client_address, found 'random'\n"},
	{"bad methods", SHOP "    replay: {methods: [PSOT, CONNECT, POST, post]}\n",
		"6:24: services.shop.replay.methods: expected POST, PUT, PATCH or DELETE, found 'PSOT': did you mean POST?\n"
		"6:30: services.shop.replay.methods: expected POST, PUT, PATCH or DELETE, found 'CONNECT'\n"
		"6:45: services.shop.replay.methods: 'post' is listed twice: keep one\n"},
	{"a bad probe", SHOP "    probe: {path: health, interval: 1ms, timeout: 10m, rise: 0, fall: 101}\n",
		"6:19: services.shop.probe.path: expected a path that begins with / and has no spaces, such as /health, found 'health'\n"
		"6:37: services.shop.probe.interval: expected a duration from 10ms to 1h, found '1ms'\n"
		"6:51: services.shop.probe.timeout: expected a duration from 1ms to 5m, found '10m'\n"
		"6:62: services.shop.probe.rise: expected a whole number from 1 to 100, found '0'\n"
		"6:71: services.shop.probe.fall: expected a whole number from 1 to 100, found '101'\n"},
	{"a misspelt key of a probe", SHOP "    probe: {path: /health, intervall: 1s, threshold: 3}\n",
		"6:28: unknown key 'intervall' in services.shop.probe: did you mean 'interval'?\n"
		"6:43: unknown key 'threshold' in services.shop.probe\n"},
	{"a probe without a path", SHOP "    probe: {scheme: https, host: a, expect: {status: 200}}\n",
		"6:13: services.shop.probe.scheme needs probe.path: without a path the probe is a TCP connect, and there is no answer to look at\n"
		"6:28: services.shop.probe.host needs probe.path: without a path the probe is a TCP connect, and there is no answer to look at\n"
		"6:37: services.shop.probe.expect needs probe.path: without a path the probe is a TCP connect, and there is no answer to look at\n"},
	{"a bad expectation",
		SHOP
		"    probe: {path: /, scheme: tcp, host: 'a b', expect: {status: [200, 99, 299-200, 2xx, 600], body: '', header: {'X Y': a, X: [], Z: ~}}}\n",
		"6:30: services.shop.probe.scheme: expected http or https, found 'tcp'\n"
		"6:41: services.shop.probe.host: expected a host such as shop.example.com, with or without a port, found 'a b'\n"
		"6:71: services.shop.probe.expect.status: expected a status from 100 to 599 or a range such as 200-299, found '99'\n"
		"6:75: services.shop.probe.expect.status: expected a status from 100 to 599 or a range such as 200-299, found '299-200'\n"
		"6:84: services.shop.probe.expect.status: expected a status from 100 to 599 or a range such as 200-299, found '2xx'\n"
		"6:89: services.shop.probe.expect.status: expected a status from 100 to 599 or a range such as 200-299, found '600'\n"
		"6:101: services.shop.probe.expect.body: expected a text, found an empty one\n"
		"6:114: services.shop.probe.expect.header: 'X Y' is no name of a header field\n"
		"6:127: services.shop.probe.expect.header: expected a text for each header field, found an empty list\n"
		"6:134: services.shop.probe.expect.header: expected a text for each header field, found nothing\n"},
	{"no status", SHOP "    probe: {path: /, expect: {status: []}}\n",
		"6:39: services.shop.probe.expect.status: expected at least one element, found an empty list\n"},
	{"a header field twice", SHOP "    probe: {path: /, expect: {header: {X: a, x: b}}}\n",
		"6:46: services.shop.probe.expect.header: header field 'x' is listed twice: keep one\n"},
	{"a share over one",
		SHOP "    gates: {healthy: 101%}\n"
		     "    rollback: {error_rate: 2}\n",
		"6:22: services.shop.gates.healthy: expected a share such as 1% or 0.01, from 0% to 100%, found '101%'\n"
		"7:28: services.shop.rollback.error_rate: expected a share such as 1% or 0.01, from 0% to 100%, found '2'\n"},
	{"a bake that is too long", SHOP "    bake: 30d\n", "6:11: services.shop.bake: expected a duration from 0s to 7d, found '30d'\n"},
	{"a bad rollback", SHOP "    rollback: {unhealthy_probes: two, inconclusive: promoted}\n",
		"6:34: services.shop.rollback.unhealthy_probes: expected a whole number from 0 to 1000, found 'two'\n"
		"6:53: services.shop.rollback.inconclusive: expected promote or rollback, found 'promoted': did you mean promote?\n"},
	{"gates as a word", SHOP "    gates: healthy\n", "6:12: services.shop.gates: expected a mapping, found 'healthy'\n"},
	{"a misspelt via", SHOP "    via: proxi\n", "6:10: services.shop.via: expected proxy or route53, found 'proxi': did you mean proxy?\n"},
};

static void every_fault_has_its_place_and_its_words(void **state)
{
	(void)state;
	check_fault_cases(cases, sizeof(cases) / sizeof(*cases));
}

/* A file cut off anywhere is refused or read, and never more. */
static void every_prefix_is_read_or_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		for (size_t length = 0; length < strlen(cases[i].yaml); length += 3)
			free(find_faults(cases[i].yaml, length));
}

static char *repeat(const char *before, const char *text, size_t count, const char *after)
{
	struct text out;
	text_init(&out, SIZE_MAX);
	text_addf(&out, "%s", before);
	for (size_t i = 0; i < count; i++)
		text_addf(&out, "%s", text);
	text_addf(&out, "%s", after);
	return text_take(&out);
}

static void assert_fault(char *yaml, const char *fault)
{
	char *found = find_faults(yaml, strlen(yaml));
	if (!strstr(found, fault))
		fail_msg("expected %s, found %.300s", fault, found);
	free(found);
	free(yaml);
}

static void what_can_grow_is_bounded(void **state)
{
	(void)state;
	assert_fault(repeat("a: ", "[", 100, ""), "1:35: lists and mappings are nested too deeply");
	assert_fault(repeat("", "{a: ", 100000, ""), "lists and mappings are nested too deeply");
	assert_fault(repeat("a: [", "b,", 600000, "]"), "the file holds too many values");
	assert_fault(repeat("trusted_proxies: [", "10.0.0.0/8,", 257, "]\n" ROOT), "1:18: trusted_proxies: expected at most 256 elements, found 257");
	assert_fault(repeat(LISTEN "services: {shop: {green: {}, blue: {backends: [", "a,", 1001, "]}}}\n"),
		"2:47: services.shop.blue.backends: expected at most 1000 elements, found 1001");
	assert_fault(repeat("services: {}\nlisten: [", "{},", 65, "]\n"), "2:9: listen: expected at most 64 elements, found 65");
}

static void a_file_that_is_too_large_is_refused(void **state)
{
	(void)state;
	struct conf_faults faults = {0};
	char *yaml = repeat(ROOT, "# 45678901234567890123456789012345678901234567890123456789012345\n", 1u << 16, "");
	assert_null(conf_parse(yaml, strlen(yaml), "a.yaml", &faults));
	assert_int_equal(faults.count, 1);
	assert_string_equal(faults.lines[0], "a.yaml: the file is larger than the 4 MiB that are read");
	conf_faults_fini(&faults);
	free(yaml);
}

/* Thousands of services that all collide are told apart from each other in no more than a moment. */
static void many_services_are_compared(void **state)
{
	(void)state;
	struct text yaml;
	text_init(&yaml, SIZE_MAX);
	text_addf(&yaml, "%sservices:\n", LISTEN);
	for (int i = 0; i < 3000; i++)
		text_addf(&yaml, "  s%d: {hosts: [h%d], paths: [/a, /b%d], blue: {}, green: {}}\n", i, i % 1500, i);
	char *found = find_faults(yaml.bytes, yaml.length);
	unsigned lines = 0;
	for (const char *at = found; (at = strchr(at, '\n')); at++)
		lines++;
	assert_int_equal(lines, 1500);
	assert_non_null(strstr(found, "services.s2999: host h1499 with path /a is already taken by service 's1499' on line 1502"));
	free(found);
	text_fini(&yaml);
}

/* What is printed on a terminal is one line, whatever the file holds. */
static void a_fault_is_one_line(void **state)
{
	(void)state;
	static const char yaml[] = ROOT "\"a\\n\\e[31m\": 1\nstate: {\"\\r\": 2}\n";
	char *found = find_faults(yaml, strlen(yaml));
	assert_string_equal(found, "3:1: unknown key 'a??[31m'\n4:8: state: expected one value, found a mapping\n");
	free(found);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_fault_has_its_place_and_its_words),
		cmocka_unit_test(every_prefix_is_read_or_refused),
		cmocka_unit_test(what_can_grow_is_bounded),
		cmocka_unit_test(a_file_that_is_too_large_is_refused),
		cmocka_unit_test(many_services_are_compared),
		cmocka_unit_test(a_fault_is_one_line),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
