/* Each source of AWS keys against a small server of its own protocol, and what is done with keys: kept, renewed, refused. Times are bounds against hanging alone. */
// links: dns
#include "tests/unit/scratch.h"

#include <arpa/inet.h>
#include <event2/event.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/errand.h"
#include "base/fetch.h"
#include "base/log.h"
#include "base/resolve.h"
#include "base/runner.h"
#include "dns/credentials.h"
#include "tests/unit/agent.h"

/* More than anything here takes, by far; reached only by a bug. */
#define PATIENCE_S 60
#define VARIABLES 16u
#define NOW_MS UINT64_C(1769860800000) /* 2026-01-31T12:00:00Z */
#define MINUTE_MS UINT64_C(60000)

struct world {
	struct scratch *scratch;
	struct event_base *loop;
	struct credentials_tools tools;
	struct credentials_settings settings;
	struct credentials *credentials;
	struct event *patience;
	struct agent agent;
	char *environment[VARIABLES + 1];
	/* what came */
	unsigned ready;
	bool found;
	char id[64], secret[64], token[64], source[256], endpoint[128], region[64];
	uint64_t expires_ms;
	struct err err;
	bool refuses;  /* the callback refuses what it got */
	bool asks_too; /* the callback asks again, once */
};

static uint64_t wall_ms; /* as the credentials see it */

static uint64_t read_wall(void)
{
	return wall_ms;
}

static void on_patience(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what, (void)arg;
	fail_msg("nothing happened for too long");
}

static void set(struct world *world, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* One more variable of the environment. */
static void set(struct world *world, const char *format, ...)
{
	size_t at = 0;
	va_list arguments;
	while (world->environment[at])
		at++;
	assert_true(at < VARIABLES);
	va_start(arguments, format);
	assert_true(vasprintf(&world->environment[at], format, arguments) > 0);
	va_end(arguments);
}

static void unset_all(struct world *world)
{
	for (size_t i = 0; i < VARIABLES; i++) {
		free(world->environment[i]);
		world->environment[i] = NULL;
	}
}

static int set_up(void **state)
{
	struct world *world = calloc(1, sizeof(*world));
	void *scratch;
	scratch_set_up(&scratch);
	log_set_level(LOG_LEVEL_ERROR);
	wall_ms = NOW_MS;
	world->scratch = scratch;
	world->loop = event_base_new();
	world->tools.loop = world->loop;
	world->tools.fetch = fetch_new(world->loop);
	world->tools.resolver = resolver_new(world->loop, NULL);
	world->tools.errands = errands_new(world->loop);
	world->tools.runner = runner_new(world->loop, world->tools.errands);
	world->settings = (struct credentials_settings){.environment = (const char *const *)world->environment, .wall_ms = read_wall};
	world->patience = evtimer_new(world->loop, on_patience, NULL);
	evtimer_add(world->patience, &(struct timeval){.tv_sec = PATIENCE_S});
	agent_open(&world->agent, world->loop);
	set(world, "HOME=%s", world->scratch->path);
	*state = world;
	return 0;
}

static int tear_down(void **state)
{
	struct world *world = *state;
	void *scratch = world->scratch;
	credentials_free(world->credentials);
	agent_close(&world->agent);
	runner_free(world->tools.runner);
	fetch_free(world->tools.fetch);
	resolver_free(world->tools.resolver);
	errands_free(world->tools.errands);
	event_free(world->patience);
	event_base_free(world->loop);
	unset_all(world);
	free(world);
	return scratch_tear_down(&scratch);
}

static void get(struct world *world, uint64_t need_for_ms);

static void on_ready(void *arg, const struct credentials_keys *keys, const struct err *err)
{
	struct world *world = arg;
	world->ready++;
	world->found = keys != NULL;
	assert_true(!keys != !err);
	world->err = err ? *err : (struct err){0};
	if (!keys)
		return;
	if (world->refuses)
		credentials_refuse(world->credentials, keys->id);
	snprintf(world->id, sizeof(world->id), "%s", keys->id);
	snprintf(world->secret, sizeof(world->secret), "%s", keys->secret);
	snprintf(world->token, sizeof(world->token), "%s", keys->token ? keys->token : "(none)");
	snprintf(world->source, sizeof(world->source), "%s", keys->source);
	snprintf(world->endpoint, sizeof(world->endpoint), "%s", keys->endpoint);
	snprintf(world->region, sizeof(world->region), "%s", keys->region);
	world->expires_ms = keys->expires_ms;
	if (world->asks_too) {
		world->asks_too = false;
		get(world, 0);
	}
}

static void get(struct world *world, uint64_t need_for_ms)
{
	unsigned before = world->ready;
	if (!world->credentials)
		world->credentials = credentials_new(&world->tools, &world->settings);
	credentials_get(world->credentials, need_for_ms, on_ready, world);
	assert_int_equal(world->ready, before);
}

static void wait_for(struct world *world, unsigned ready)
{
	while (world->ready < ready)
		event_base_loop(world->loop, EVLOOP_ONCE);
	assert_int_equal(world->ready, ready);
}

static void get_and_wait(struct world *world, uint64_t need_for_ms)
{
	unsigned before = world->ready;
	get(world, need_for_ms);
	wait_for(world, before + 1);
}

static void check_found(struct world *world, const char *id, const char *token, const char *source)
{
	if (!world->found)
		fail_msg("%s", world->err.text);
	assert_string_equal(world->id, id);
	assert_string_equal(world->secret, "HIDDEN");
	assert_string_equal(world->token, token);
	if (!strstr(world->source, source))
		fail_msg("%s", world->source);
}

/* Every sentence is looked through for secrets. */
static void check_failed(struct world *world, const char *part)
{
	assert_false(world->found);
	if (!strstr(world->err.text, part) || strstr(world->err.text, "HIDDEN") || strstr(world->err.text, "TOKEN="))
		fail_msg("%s\nexpected: %s", world->err.text, part);
}

/* Another search from the beginning. */
static void again(struct world *world)
{
	credentials_free(world->credentials);
	world->credentials = NULL;
}

static void write_file(struct world *world, const char *name, const char *format, ...) __attribute__((format(printf, 3, 4)));

static void write_file(struct world *world, const char *name, const char *format, ...)
{
	char *text;
	va_list arguments;
	va_start(arguments, format);
	assert_true(vasprintf(&text, format, arguments) >= 0);
	va_end(arguments);
	mkdir(scratch_name(world->scratch, ".aws"), 0700);
	scratch_rewrite(world->scratch, name, text);
	assert_int_equal(chmod(scratch_name(world->scratch, name), 0600), 0);
	free(text);
}

/* ---- environment ---- */

static void test_environment(void **state)
{
	struct world *world = *state;
	set(world, "AWS_ACCESS_KEY_ID=AKIA1");
	set(world, "AWS_SECRET_ACCESS_KEY=HIDDEN");
	get_and_wait(world, 3600000);
	check_found(world, "AKIA1", "(none)", "the environment");
	assert_int_equal(world->expires_ms, 0);
	assert_string_equal(world->endpoint, "https://route53.amazonaws.com");
	assert_string_equal(world->region, "us-east-1");
	again(world);
	set(world, "AWS_SESSION_TOKEN=t");
	set(world, "AWS_CREDENTIAL_EXPIRATION=2026-01-31T13:00:00Z");
	set(world, "AWS_ENDPOINT_URL_ROUTE_53=http://127.0.0.1:1234/");
	get_and_wait(world, 0);
	check_found(world, "AKIA1", "t", "the environment");
	assert_int_equal(world->expires_ms, NOW_MS + 60 * MINUTE_MS);
	assert_string_equal(world->endpoint, "http://127.0.0.1:1234");
}

static void test_half_environment(void **state)
{
	struct world *world = *state;
	set(world, "AWS_ACCESS_KEY_ID=AKIA1");
	write_file(world, ".aws/credentials", "[default]\naws_access_key_id=AKIA2\naws_secret_access_key=HIDDEN\n");
	get_and_wait(world, 0);
	check_failed(world, "no AWS credentials: the environment: AWS_ACCESS_KEY_ID is set, and AWS_SECRET_ACCESS_KEY is not");
}

/* Every source that was passed over, and why. */
static void test_nothing(void **state)
{
	struct world *world = *state;
	set(world, "AWS_EC2_METADATA_DISABLED=true");
	get_and_wait(world, 0);
	check_failed(world, "no AWS credentials: the environment: AWS_ACCESS_KEY_ID is not set; web identity: AWS_WEB_IDENTITY_TOKEN_FILE is not set; the "
			    "profile: there is no \"default\" in ");
	check_failed(world, "; the container's agent: AWS_CONTAINER_CREDENTIALS_RELATIVE_URI and _FULL_URI are not set; the machine's metadata: "
			    "AWS_EC2_METADATA_DISABLED is true");
	again(world);
	unset_all(world);
	set(world, "AWS_EC2_METADATA_DISABLED=true");
	get_and_wait(world, 0);
	check_failed(world, "the profile: HOME is not set, nor are AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE");
}

/* ---- files ---- */

static void test_files(void **state)
{
	struct world *world = *state;
	write_file(world, ".aws/credentials",
		"[default]\naws_access_key_id=AKIA2\naws_secret_access_key=HIDDEN\n[dns]\naws_access_key_id=AKIA3\naws_secret_access_key=HIDDEN\n"
		"aws_session_token=t\n");
	write_file(world, ".aws/config", "[profile conf]\naws_access_key_id=AKIA4\naws_secret_access_key=HIDDEN\nregion=cn-north-1\n");
	get_and_wait(world, 0);
	check_found(world, "AKIA2", "(none)", "the profile \"default\" of ");
	again(world);
	set(world, "AWS_PROFILE=dns");
	get_and_wait(world, 0);
	check_found(world, "AKIA3", "t", "the profile \"dns\" of ");
	again(world);
	world->settings.profile = "conf";
	set(world, "AWS_ACCESS_KEY_ID=AKIA1");
	get_and_wait(world, 0);
	check_found(world, "AKIA4", "(none)", "/.aws/config");
	assert_string_equal(world->endpoint, "https://route53.amazonaws.com.cn");
	assert_string_equal(world->region, "cn-northwest-1");
}

static void test_named_files(void **state)
{
	struct world *world = *state;
	write_file(world, "keys", "[default]\naws_access_key_id=AKIA2\naws_secret_access_key=HIDDEN\n");
	set(world, "AWS_SHARED_CREDENTIALS_FILE=~/keys");
	get_and_wait(world, 0);
	check_found(world, "AKIA2", "(none)", "/keys");
	again(world);
	set(world, "AWS_CONFIG_FILE=%s", scratch_name(world->scratch, "none"));
	get_and_wait(world, 0);
	check_failed(world, "/none can't be read: No such file or directory");
}

static void test_file_faults(void **state)
{
	static const struct {
		const char *credentials, *config, *profile, *sentence;
	} cases[] = {
		{"[default]\naws_secret_access_key HIDDEN\n", "", NULL, "/.aws/credentials: line 2 is neither a section nor a key"},
		{"[default]\naws_access_key_id=AKIA\n", "", NULL, "\"default\" in /tmp/"},
		{"[default]\naws_access_key_id=AKIA\n", "", NULL, "/.aws/credentials: the secret access key is missing"},
		{"[default]\naws_access_key_id=AKIA\naws_secret_access_key=HIDDEN # mine\n", "", NULL, "the secret access key holds white space"},
		{"", "", "dns", "the profile \"dns\", which the configuration names, is in neither "},
		{"", "[profile dns]\nrole_arn=r\n", "dns", "\"dns\" has role_arn and neither source_profile and credential_source"},
		{"", "[profile dns]\nsso_session=s\n", "dns", "\"dns\" logs in by SSO, which needs a person: use another profile with credential_process"},
		{"", "[profile dns]\nregion=eu-west-1\n", "dns", "\"dns\" has no keys in "},
		{"", "[profile dns]\nrole_arn=r\nweb_identity_token_file=/none\nrole_session_name=a b\n", "dns", "the session's name is none"},
		{"", "[profile dns]\nweb_identity_token_file=/none\n", "dns", "\"dns\" has web_identity_token_file, and no role_arn"},
		{"", "[profile dns]\nrole_arn=r\nweb_identity_token_file=/none\n", "dns", "the token file /none can't be read: No such file or directory"},
		{"", "[profile dns]\nregion=evil/\naws_access_key_id=A\naws_secret_access_key=HIDDEN\n", "dns", "the region of the profile: this is no name"},
		{"[x]\naws_access_key_id=A\naws_secret_access_key=HIDDEN\n", "[profile dns]\nrole_arn=r\nsource_profile=x\nduration_seconds=5\n", "dns",
			"duration_seconds of \"dns\" is no number from 900 to 43200"},
		{"", "[profile dns]\nrole_arn=r\ncredential_source=Environment\n", "dns",
			"the profile \"dns\" assumes a role: the environment: AWS_ACCESS_KEY_ID is not set"},
	};
	struct world *world = *state;
	set(world, "AWS_EC2_METADATA_DISABLED=true");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		print_message("%s\n", cases[i].sentence);
		world->settings.profile = cases[i].profile;
		write_file(world, ".aws/credentials", "%s", cases[i].credentials);
		write_file(world, ".aws/config", "%s", cases[i].config);
		get_and_wait(world, 0);
		check_failed(world, cases[i].sentence);
		again(world);
	}
}

/* What is at the place of a file, and can't be one. */
static void test_no_file(void **state)
{
	struct world *world = *state;
	scratch_folder(world->scratch, ".aws");
	scratch_folder(world->scratch, ".aws/config");
	get_and_wait(world, 0);
	check_failed(world, "/.aws/config can't be read: it is no regular file");
	again(world);
	assert_int_equal(rmdir(scratch_name(world->scratch, ".aws/config")), 0);
	assert_int_equal(mkfifo(scratch_name(world->scratch, ".aws/config"), 0600), 0);
	get_and_wait(world, 0);
	check_failed(world, "/.aws/config can't be read: it is no regular file");
	again(world);
	scratch_remove(world->scratch, ".aws/config");
	write_file(world, ".aws/config", "%1048577s", "#");
	get_and_wait(world, 0);
	check_failed(world, "/.aws/config can't be read: it is larger than 1048576 bytes");
}

/* How one says that there shall be none. */
static void test_null_device(void **state)
{
	struct world *world = *state;
	set(world, "AWS_CONFIG_FILE=/dev/null");
	set(world, "AWS_SHARED_CREDENTIALS_FILE=/dev/null");
	set(world, "AWS_ACCESS_KEY_ID=AKIA1");
	set(world, "AWS_SECRET_ACCESS_KEY=HIDDEN");
	get_and_wait(world, 0);
	check_found(world, "AKIA1", "(none)", "the environment");
}

/* Said, not refused: orchestrators hand files out so. */
static void test_open_file(void **state)
{
	struct world *world = *state;
	char said[512] = "";
	write_file(world, ".aws/credentials", "[default]\naws_access_key_id=AKIA2\naws_secret_access_key=HIDDEN\n");
	assert_int_equal(chmod(scratch_name(world->scratch, ".aws/credentials"), 0644), 0);
	int before = dup(STDERR_FILENO), log = open(scratch_name(world->scratch, "log"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	log_set_level(LOG_LEVEL_WARNING);
	dup2(log, STDERR_FILENO);
	get_and_wait(world, 0);
	dup2(before, STDERR_FILENO);
	assert_true(pread(log, said, sizeof(said) - 1, 0) > 0);
	close(before);
	close(log);
	check_found(world, "AKIA2", "(none)", "the profile");
	assert_non_null(strstr(said, "/.aws/credentials may be read by every user of this machine (mode 0644): chmod 600 it"));
	assert_null(strstr(said, "HIDDEN"));
}

/* ---- credential_process ---- */

static void write_program(struct world *world, const char *script)
{
	write_file(world, "helper", "#!/bin/sh\n%s\n", script);
	assert_int_equal(chmod(scratch_name(world->scratch, "helper"), 0700), 0);
}

#define PROCESS_KEYS "\"Version\":1,\"AccessKeyId\":\"ASIA1\",\"SecretAccessKey\":\"HIDDEN\""

static void test_process(void **state)
{
	struct world *world = *state;
	write_file(world, ".aws/config", "[default]\ncredential_process = %s 'two words' HIDDEN-ARGUMENT\n", scratch_name(world->scratch, "helper"));
	write_program(world, "[ \"$1\" = 'two words' ] || exit 9\n[ \"$VAULT\" = here ] || exit 8\n[ -z \"$NOTIFY_SOCKET\" ] || exit 7\necho HIDDEN noise >&2\n"
			     "echo '{" PROCESS_KEYS ",\"SessionToken\":\"t\",\"Expiration\":\"2026-01-31T13:00:00Z\"}'");
	set(world, "VAULT=here");
	set(world, "NOTIFY_SOCKET=/run/x");
	get_and_wait(world, 30 * MINUTE_MS);
	check_found(world, "ASIA1", "t", "the credential_process of the profile \"default\"");
	assert_int_equal(world->expires_ms, NOW_MS + 60 * MINUTE_MS);
	again(world);
	write_program(world, "echo '{" PROCESS_KEYS "}'");
	get_and_wait(world, 0);
	check_found(world, "ASIA1", "(none)", "credential_process");
	assert_int_equal(world->expires_ms, 0);
}

static void test_process_faults(void **state)
{
	static const struct {
		const char *script, *sentence;
	} cases[] = {
		{"echo HIDDEN; echo HIDDEN >&2; exit 3", "/helper ended with status 3 after "},
		{"kill -9 $$", "/helper was ended by signal 9"},
		{":", "/helper, wrote can't be used: it wrote nothing"},
		{"echo HIDDEN", "/helper, wrote can't be used: it is no JSON: line 1, column"},
		{"echo '{\"Version\":1,\"AccessKeyId\":\"A\"}'", "wrote can't be used: the secret access key is missing"},
		{"echo '{\"Version\":7}'", "wrote can't be used: its Version is not 1"},
		{"yes HIDDEN | head -c 100000", "wrote can't be used: it wrote more than 16383 bytes"},
		{"exec yes HIDDEN", "wrote can't be used: it wrote more than 16383 bytes"}, /* for as long as it is let */
		{"trap '' PIPE TERM; cat /dev/zero; exec sleep 100", "wrote can't be used: it wrote more than 16383 bytes"},
	};
	struct world *world = *state;
	write_file(world, ".aws/config", "[default]\ncredential_process = %s HIDDEN-ARGUMENT\n", scratch_name(world->scratch, "helper"));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		print_message("%s\n", cases[i].script);
		write_program(world, cases[i].script);
		get_and_wait(world, 0);
		check_failed(world, cases[i].sentence);
		again(world);
	}
}

static void test_process_commands(void **state)
{
	static const struct {
		const char *command, *sentence;
	} cases[] = {
		{"teal-no-such-program HIDDEN", "the credential_process of \"default\", teal-no-such-program, is not in the PATH of teal: give its whole path"},
		{"./helper HIDDEN", "the credential_process of \"default\", ./helper, is neither an absolute path nor a bare name"},
		{"/no/such/program HIDDEN", "/no/such/program could not be started: the file does not exist"},
		{"helper 'HIDDEN", "the credential_process of \"default\" can't be read: a quote (') is not closed"},
		{"helper HIDDEN | jq .", "the credential_process of \"default\" can't be read: '|' means something to a shell only"},
	};
	struct world *world = *state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		write_file(world, ".aws/config", "[default]\ncredential_process = %s\n", cases[i].command);
		get_and_wait(world, 0);
		check_failed(world, cases[i].sentence);
		again(world);
	}
}

/* ---- STS ---- */

#define STS_ID "<Credentials><AccessKeyId>"
#define STS_REST "</AccessKeyId><SecretAccessKey>HIDDEN</SecretAccessKey><SessionToken>t</SessionToken><Expiration>"
#define STS_END "</Expiration></Credentials>"
#define WEB_OPEN "<AssumeRoleWithWebIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleWithWebIdentityResult>"
#define WEB_CLOSE "</AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"
#define WEB_ANSWER(id, until) WEB_OPEN STS_ID id STS_REST until STS_END WEB_CLOSE
#define ROLE_OPEN "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult>"
#define ROLE_CLOSE "</AssumeRoleResult></AssumeRoleResponse>"
#define ROLE_ANSWER(id, until) ROLE_OPEN STS_ID id STS_REST until STS_END ROLE_CLOSE
#define STS_ERROR(code, message) \
	"<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type><Code>" code "</Code><Message>" message \
	"</Message></Error></ErrorResponse>"

static void set_web(struct world *world)
{
	write_file(world, "token", "TOKEN=ab/c\n");
	set(world, "AWS_ENDPOINT_URL_STS=http://127.0.0.1:%u", world->agent.port);
	set(world, "AWS_WEB_IDENTITY_TOKEN_FILE=%s", scratch_name(world->scratch, "token"));
	set(world, "AWS_ROLE_ARN=arn:aws:iam::1:role/dns");
}

static void test_web(void **state)
{
	struct world *world = *state;
	set_web(world);
	set(world, "AWS_ROLE_SESSION_NAME=me@here");
	world->agent.answers[0] = (struct agent_answer){.status = 200, .body = WEB_ANSWER("ASIA5", "2026-01-31T13:00:00Z")};
	get_and_wait(world, 0);
	check_found(world, "ASIA5", "t", "web identity, for the role arn:aws:iam::1:role/dns");
	assert_string_equal(world->agent.log, "POST /\n");
	assert_string_equal(world->agent.body, "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fdns&"
					       "RoleSessionName=me%40here&WebIdentityToken=TOKEN%3Dab%2Fc");
	assert_non_null(strstr(world->agent.lines, "Content-Type: application/x-www-form-urlencoded; charset=utf-8\n"));
	assert_null(strstr(world->agent.lines, "Authorization"));
	/* The file is read for each search. */
	again(world);
	write_file(world, "token", "TOKEN=2");
	get_and_wait(world, 0);
	assert_non_null(strstr(world->agent.body, "&WebIdentityToken=TOKEN%3D2"));
}

static void test_web_faults(void **state)
{
	static const struct {
		struct agent_answer answer;
		const char *sentence;
		unsigned asked;
	} cases[] = {
		{{.status = 400, .body = STS_ERROR("ExpiredTokenException", "Token expired")},
			"no AWS credentials: web identity: STS refused with status 400, ExpiredTokenException: Token expired", 1},
		{{.status = 403, .body = STS_ERROR("AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity")},
			"AccessDenied: Not authorized to perform sts:AssumeRoleWithWebIdentity", 1},
		{{.status = 200, .body = "<html>HIDDEN</html>"}, "the answer of STS can't be used: there are no credentials in it", 1},
		{{.status = 200, .body = ROLE_ANSWER("A", "2026-01-31T13:00:00Z")}, "the answer of STS can't be used: there are no credentials in it", 1},
		{{.status = 200, .body = WEB_ANSWER("A", "later")}, "the answer of STS can't be used: the time at which they expire can't be read", 1},
		{{.status = 200, .body = WEB_ANSWER("A HIDDEN", "2026-01-31T13:00:00Z")}, "the access key id holds white space", 1},
		{{.status = 503, .body = ""}, "STS refused with status 503: it gives no reason", 3},
	};
	struct world *world = *state;
	set_web(world);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		print_message("%s\n", cases[i].sentence);
		world->agent.answers[0] = cases[i].answer;
		world->agent.asked = 0;
		get_and_wait(world, 0);
		check_failed(world, cases[i].sentence);
		assert_int_equal(world->agent.asked, cases[i].asked);
		again(world);
	}
	scratch_rewrite(world->scratch, "token", "\n");
	get_and_wait(world, 0);
	check_failed(world, "/token is empty");
	again(world);
	write_file(world, "token", "%20001s", "x");
	get_and_wait(world, 0);
	check_failed(world, "/token can't be read: it is larger than 20000 bytes");
}

/* More than is taken of any answer. */
static void test_huge_answer(void **state)
{
	struct world *world = *state;
	char *body = calloc(1, 1000001);
	memset(body, 'x', 1000000);
	set(world, "AWS_CONTAINER_CREDENTIALS_FULL_URI=http://127.0.0.1:%u/", world->agent.port);
	world->agent.answers[0] = (struct agent_answer){.status = 200, .body = body};
	get_and_wait(world, 0);
	check_failed(world, "gives no answer: the body of the answer is larger than 64KiB");
	free(body);
}

/* Trouble that passes by itself. */
static void test_sts_again(void **state)
{
	struct world *world = *state;
	set_web(world);
	world->agent.answers[0] = (struct agent_answer){.status = 500, .body = "", .times = 1};
	world->agent.answers[1] = (struct agent_answer){.status = 200, .body = WEB_ANSWER("ASIA5", "2026-01-31T13:00:00Z")};
	get_and_wait(world, 0);
	check_found(world, "ASIA5", "t", "web identity");
	assert_int_equal(world->agent.asked, 2);
}

static void set_roles(struct world *world)
{
	set(world, "AWS_ENDPOINT_URL=http://127.0.0.1:%u/aws", world->agent.port);
	set(world, "AWS_REGION=eu-west-1");
	write_file(world, ".aws/credentials", "[base]\naws_access_key_id=AKIA1\naws_secret_access_key=HIDDEN\n");
	write_file(world, ".aws/config",
		"[profile first]\nrole_arn=arn:aws:iam::1:role/first\nsource_profile=base\n"
		"[profile second]\nrole_arn=arn:aws:iam::2:role/second\nsource_profile=first\nrole_session_name=dns\nexternal_id=x y\nduration_seconds=900\n");
	world->settings.profile = "second";
}

static void test_roles(void **state)
{
	struct world *world = *state;
	set_roles(world);
	world->agent.answers[0] = (struct agent_answer){.status = 200, .body = ROLE_ANSWER("ASIA1", "2026-01-31T13:00:00Z"), .times = 1};
	world->agent.answers[1] = (struct agent_answer){.status = 200, .body = ROLE_ANSWER("ASIA2", "2026-01-31T12:30:00Z")};
	get_and_wait(world, 0);
	check_found(world, "ASIA2", "t", "the role arn:aws:iam::2:role/second of the profile \"second\"");
	assert_int_equal(world->expires_ms, NOW_MS + 30 * MINUTE_MS);
	assert_string_equal(world->agent.log, "POST /aws/\nPOST /aws/\n");
	assert_string_equal(world->agent.body, "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A2%3Arole%2Fsecond&RoleSessionName=dns&"
					       "ExternalId=x%20y&DurationSeconds=900");
	/* The second one is signed with the keys of the first. */
	assert_non_null(strstr(world->agent.lines, "Authorization: AWS4-HMAC-SHA256 Credential=ASIA1/"));
	assert_non_null(strstr(world->agent.lines, "/eu-west-1/sts/aws4_request"));
	assert_non_null(strstr(world->agent.lines, "X-Amz-Security-Token: t\n"));
}

static void test_role_refused(void **state)
{
	struct world *world = *state;
	set_roles(world);
	world->agent.answers[0] =
		(struct agent_answer){.status = 403, .body = STS_ERROR("AccessDenied", "User: u is not authorized to perform: sts:AssumeRole")};
	get_and_wait(world, 0);
	check_failed(
		world, "no AWS credentials: the profile \"second\" assumes a role: STS: arn:aws:iam::1:role/first, with the keys of the profile \"base\" of ");
	check_failed(world, "AccessDenied: User: u is not authorized to perform: sts:AssumeRole");
}

/* STS says that the clocks differ: once more, by its own. */
static void test_clock(void **state)
{
	struct world *world = *state;
	set_roles(world);
	world->settings.profile = "first";
	world->agent.answers[0] = (struct agent_answer){.status = 403,
		.body = STS_ERROR("SignatureDoesNotMatch", "Signature expired"),
		.header = "Date",
		.value = "Sat, 01 Jan 2050 00:00:00 GMT",
		.times = 1};
	world->agent.answers[1] = (struct agent_answer){.status = 200, .body = ROLE_ANSWER("ASIA1", "2026-01-31T13:00:00Z")};
	get_and_wait(world, 0);
	check_found(world, "ASIA1", "t", "first");
	assert_non_null(strstr(world->agent.lines, "X-Amz-Date: 20500101T"));
	assert_int_equal(world->agent.asked, 2);
}

/* ---- containers ---- */

#define AGENT_KEYS "\"AccessKeyId\":\"ASIA7\",\"SecretAccessKey\":\"HIDDEN\",\"Token\":\"t\",\"Expiration\":\"2026-01-31T18:00:00Z\""

static void test_container(void **state)
{
	struct world *world = *state;
	set(world, "AWS_CONTAINER_CREDENTIALS_FULL_URI=http://127.0.0.1:%u/v1/credentials?a=b", world->agent.port);
	set(world, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=%s", scratch_name(world->scratch, "token"));
	write_file(world, "token", "TOKEN=1\n");
	world->agent.answers[0] = (struct agent_answer){.status = 200, .body = "{" AGENT_KEYS "}"};
	get_and_wait(world, 0);
	check_found(world, "ASIA7", "t", "the container's agent at http://127.0.0.1:");
	assert_null(strstr(world->source, "v1"));
	assert_string_equal(world->agent.log, "GET /v1/credentials?a=b\n");
	assert_non_null(strstr(world->agent.lines, "Authorization: TOKEN=1\n"));
	assert_non_null(strstr(world->agent.lines, "Accept: application/json\n"));
	again(world);
	write_file(world, "token", "TOKEN=2");
	get_and_wait(world, 0);
	assert_non_null(strstr(world->agent.lines, "Authorization: TOKEN=2\n"));
}

static void test_container_variable(void **state)
{
	struct world *world = *state;
	set(world, "AWS_CONTAINER_CREDENTIALS_FULL_URI=http://localhost:%u/", world->agent.port);
	set(world, "AWS_CONTAINER_AUTHORIZATION_TOKEN=TOKEN=3");
	world->agent.answers[0] = (struct agent_answer){.status = 500, .body = "", .times = 2};
	world->agent.answers[1] = (struct agent_answer){.status = 200, .body = "{" AGENT_KEYS "}"};
	get_and_wait(world, 0);
	check_found(world, "ASIA7", "t", "the container's agent at http://localhost:");
	assert_non_null(strstr(world->agent.lines, "Authorization: TOKEN=3\n"));
	assert_int_equal(world->agent.asked, 3);
}

static void test_container_faults(void **state)
{
	static const struct {
		const char *variable, *sentence;
	} cases[] = {
		{"AWS_CONTAINER_CREDENTIALS_FULL_URI=http://192.0.2.1/", "AWS_CONTAINER_CREDENTIALS_FULL_URI is a URL without TLS to another machine"},
		{"AWS_CONTAINER_CREDENTIALS_FULL_URI=http://agent.example/", "is a URL without TLS to another machine"},
		{"AWS_CONTAINER_CREDENTIALS_FULL_URI=http://169.254.170.2.example/", "is a URL without TLS to another machine"},
		{"AWS_CONTAINER_CREDENTIALS_FULL_URI=http://127.0.0.1@192.0.2.1/", "AWS_CONTAINER_CREDENTIALS_FULL_URI: the URL holds a user name"},
		{"AWS_CONTAINER_CREDENTIALS_FULL_URI=nonsense", "AWS_CONTAINER_CREDENTIALS_FULL_URI: the URL does not begin with http"},
		{"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=v2/x", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI does not begin with /"},
		{"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=/a b", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: the URL can't be read"},
	};
	struct world *world = *state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unset_all(world);
		set(world, "%s", cases[i].variable);
		get_and_wait(world, 0);
		check_failed(world, cases[i].sentence);
		again(world);
	}
}

static void test_container_answers(void **state)
{
	static const struct {
		int status;
		const char *body, *sentence;
	} cases[] = {
		{404, "{\"code\":\"no\"}", "answered with status 404"},
		{302, "", "answered with status 302"},
		{200, "HIDDEN", "gave what can't be used: it is no JSON: line 1"},
		{200, "{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"HIDDEN\"}", "gave what can't be used: it does not say when they expire"},
		{200, "{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"HIDDEN\",\"Token\":\"a\\r\\nb\",\"Expiration\":\"2026-01-31T18:00:00Z\"}",
			"the session token holds white space"},
	};
	struct world *world = *state;
	set(world, "AWS_CONTAINER_CREDENTIALS_FULL_URI=http://127.0.0.1:%u/HIDDEN-path", world->agent.port);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		world->agent.answers[0] = (struct agent_answer){.status = cases[i].status, .body = cases[i].body};
		get_and_wait(world, 0);
		check_failed(world, cases[i].sentence);
		again(world);
	}
	set(world, "AWS_CONTAINER_AUTHORIZATION_TOKEN=TOKEN=a\r\nX-Evil: 1");
	get_and_wait(world, 0);
	check_failed(world, "the token for the container's agent holds a line's end");
	again(world);
	set(world, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=/none");
	get_and_wait(world, 0);
	check_failed(world, "the file that AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE names can't be used: No such file or directory");
}

/* ---- machines ---- */

#define ROLES "/latest/meta-data/iam/security-credentials/"

static void set_machine(struct world *world)
{
	set(world, "AWS_EC2_METADATA_SERVICE_ENDPOINT=http://127.0.0.1:%u/", world->agent.port);
	world->agent.answers[0] = (struct agent_answer){"PUT", "/latest/api/token", .status = 200, .body = "TOKEN=abc=="};
	world->agent.answers[1] = (struct agent_answer){"GET", ROLES, .status = 200, .body = "dns-role\n"};
	world->agent.answers[2] = (struct agent_answer){"GET", ROLES "dns-role", .status = 200, .body = "{\"Code\":\"Success\"," AGENT_KEYS "}"};
	world->agent.answers[3] = (struct agent_answer){.status = 500};
}

static void test_machine(void **state)
{
	struct world *world = *state;
	set_machine(world);
	get_and_wait(world, 0);
	check_found(world, "ASIA7", "t", "the machine's role dns-role");
	assert_int_equal(world->expires_ms, NOW_MS + 360 * MINUTE_MS);
	assert_string_equal(world->agent.log, "PUT /latest/api/token\nGET " ROLES "\nGET " ROLES "dns-role\n");
	assert_non_null(strstr(world->agent.lines, "X-aws-ec2-metadata-token: TOKEN=abc==\n"));
}

static void test_machine_faults(void **state)
{
	static const struct {
		unsigned which;
		struct agent_answer answer;
		const char *sentence;
	} cases[] = {
		{0, {"PUT", NULL, .status = 403, .body = ""}, "the machine's metadata: the metadata service is switched off on this machine (status 403)"},
		{0, {"PUT", NULL, .status = 404, .body = ""}, "asked for a token: the metadata service answered with status 404"},
		{0, {"PUT", NULL, .status = 200, .body = ""}, "asked for a token: the metadata service gave what is none"},
		{0, {"PUT", NULL, .status = 200, .body = "TOKEN=a\r\nX-Evil: 1"}, "asked for a token: the metadata service gave what is none"},
		{1, {"GET", ROLES, .status = 404, .body = ""}, "the machine's metadata: this machine has no role (an instance profile)"},
		{1, {"GET", ROLES, .status = 401, .body = ""}, "asked for the name of its role: the metadata service answered with status 401"},
		{1, {"GET", ROLES, .status = 200, .body = "../../user-data"}, "asked for the name of its role: the metadata service gave what is none"},
		{1, {"GET", ROLES, .status = 200, .body = ""}, "the metadata service gave what is none"},
		{2, {"GET", NULL, .status = 200, .body = "{\"Code\":\"AssumeRoleUnauthorizedAccess\",\"Message\":\"no\"}"},
			"what the metadata service gave can't be used: it says AssumeRoleUnauthorizedAccess: no"},
		{2, {"GET", NULL, .status = 200, .body = "HIDDEN"}, "what the metadata service gave can't be used: it is no JSON"},
		{2, {"GET", NULL, .status = 503, .body = ""}, "asked for the keys of its role: the metadata service answered with status 503"},
	};
	struct world *world = *state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		print_message("%s\n", cases[i].sentence);
		unset_all(world);
		set_machine(world);
		world->agent.answers[cases[i].which] = cases[i].answer;
		get_and_wait(world, 0);
		check_failed(world, cases[i].sentence);
		again(world);
	}
}

/* As when the answer has one hop too far to go. */
static void test_machine_silent(void **state)
{
	struct world *world = *state;
	set_machine(world);
	world->agent.answers[0] = (struct agent_answer){"PUT", NULL, .status = 0};
	get_and_wait(world, 0);
	check_failed(world, "this is no EC2 instance, or teal is in a container and the instance's metadata hop limit is 1 (it takes 2)");
	assert_string_equal(world->agent.log, "PUT /latest/api/token\n"); /* and version 1 was not asked */
}

/* ---- what is done with keys ---- */

static void answer_with(struct world *world, const char *body)
{
	world->agent.answers[0] = (struct agent_answer){.status = 200, .body = body};
}

static void test_kept(void **state)
{
	struct world *world = *state;
	set_web(world);
	answer_with(world, WEB_ANSWER("ASIA1", "2026-01-31T13:00:00Z"));
	get_and_wait(world, 0);
	get_and_wait(world, 20 * MINUTE_MS);
	assert_int_equal(world->agent.asked, 1);
	/* Two at once are one search. */
	again(world);
	get(world, 0);
	get(world, 0);
	wait_for(world, 4);
	assert_int_equal(world->agent.asked, 2);
}

/* Keys that don't last for what they are needed for are not given. */
static void test_outlast(void **state)
{
	struct world *world = *state;
	set_web(world);
	answer_with(world, WEB_ANSWER("ASIA1", "2026-01-31T13:00:00Z"));
	get_and_wait(world, 0);
	wall_ms = NOW_MS + 40 * MINUTE_MS;
	answer_with(world, WEB_ANSWER("ASIA2", "2026-01-31T13:40:00Z"));
	get_and_wait(world, 30 * MINUTE_MS);
	check_found(world, "ASIA2", "t", "web identity");
	get_and_wait(world, 120 * MINUTE_MS);
	check_failed(
		world, "the AWS credentials from web identity, for the role arn:aws:iam::1:role/dns end at 2026-01-31T13:40:00.000Z, and 2h more is needed");
	get_and_wait(world, 30 * MINUTE_MS);
	check_found(world, "ASIA2", "t", "web identity");
}

/* They expire while they are in use, and STS is away: what there is, is given as long as it is good, and no longer. */
static void test_expiry(void **state)
{
	struct world *world = *state;
	set_web(world);
	answer_with(world, WEB_ANSWER("ASIA1", "2026-01-31T13:00:00Z"));
	get_and_wait(world, 0);
	world->agent.answers[0] = (struct agent_answer){.status = 403, .body = STS_ERROR("AccessDenied", "no more")};
	wall_ms = NOW_MS + 59 * MINUTE_MS;
	get_and_wait(world, 0);
	check_found(world, "ASIA1", "t", "web identity");
	wall_ms = NOW_MS + 60 * MINUTE_MS;
	get_and_wait(world, 0);
	check_failed(world, "AccessDenied: no more");
	answer_with(world, WEB_ANSWER("ASIA2", "2026-01-31T14:00:00Z"));
	get_and_wait(world, 0);
	check_found(world, "ASIA2", "t", "web identity");
	/* What is given out as new has expired. */
	wall_ms = NOW_MS + 180 * MINUTE_MS;
	get_and_wait(world, 0);
	check_failed(world, "they have expired, and there are no newer ones");
}

/* 15 minutes ahead, without anybody asking. */
static void test_renewal(void **state)
{
	struct world *world = *state;
	set_web(world);
	wall_ms = NOW_MS + 45 * MINUTE_MS - 5; /* 5 ms before it is due */
	answer_with(world, WEB_ANSWER("ASIA1", "2026-01-31T13:00:00Z"));
	get_and_wait(world, 0);
	assert_int_equal(world->agent.asked, 1);
	answer_with(world, WEB_ANSWER("ASIA2", "2026-01-31T14:00:00Z"));
	wall_ms += 5;
	while (world->agent.asked < 2)
		event_base_loop(world->loop, EVLOOP_ONCE);
	wall_ms = NOW_MS + 60 * MINUTE_MS;
	get_and_wait(world, 30 * MINUTE_MS);
	check_found(world, "ASIA2", "t", "web identity");
	assert_int_equal(world->agent.asked, 2);
}

/* After ExpiredToken: never again the same, and others as soon as there are some. */
static void test_refused(void **state)
{
	struct world *world = *state;
	set_web(world);
	answer_with(world, WEB_ANSWER("ASIA1", "2026-01-31T13:00:00Z"));
	get_and_wait(world, 0);
	credentials_refuse(world->credentials, "ASIA0");
	get_and_wait(world, 0);
	assert_int_equal(world->agent.asked, 1);
	credentials_refuse(world->credentials, "ASIA1");
	get_and_wait(world, 0);
	check_failed(world, "AWS refused the credentials from web identity, for the role arn:aws:iam::1:role/dns as expired or unknown");
	answer_with(world, WEB_ANSWER("ASIA2", "2026-01-31T13:00:00Z"));
	get_and_wait(world, 0);
	check_found(world, "ASIA2", "t", "web identity");
	assert_int_equal(world->agent.asked, 3);
}

/* In the callback itself: what it looks at stays, and the next in line gets others. */
static void test_refused_inside(void **state)
{
	struct world *world = *state;
	set_web(world);
	world->refuses = true;
	answer_with(world, WEB_ANSWER("ASIA1", "2026-01-31T13:00:00Z"));
	get(world, 0);
	get(world, 0);
	wait_for(world, 1);
	check_found(world, "ASIA1", "t", "web identity");
	answer_with(world, WEB_ANSWER("ASIA2", "2026-01-31T13:00:00Z"));
	wait_for(world, 2);
	check_found(world, "ASIA2", "t", "web identity");
}

static void test_asking_inside(void **state)
{
	struct world *world = *state;
	set_web(world);
	world->asks_too = true;
	answer_with(world, WEB_ANSWER("ASIA1", "2026-01-31T13:00:00Z"));
	get(world, 0);
	wait_for(world, 2);
	check_found(world, "ASIA1", "t", "web identity");
}

/* A source that says nothing ends with the search. */
static void test_limit(void **state)
{
	struct world *world = *state;
	set_web(world);
	world->settings.limit_ms = 100;
	world->agent.answers[0] = (struct agent_answer){.status = 0};
	get_and_wait(world, 0);
	check_failed(world, "no AWS credentials: ");
	check_failed(world, " within 100ms");
	again(world);
	write_file(world, ".aws/config", "[profile dns]\ncredential_process = /bin/sleep 100\n");
	world->settings.profile = "dns";
	world->settings.limit_ms = 500;
	get_and_wait(world, 0);
	check_failed(world, " within 500ms");
}

static void test_cancel(void **state)
{
	struct world *world = *state;
	set_web(world);
	world->agent.answers[0] = (struct agent_answer){.status = 0};
	world->credentials = credentials_new(&world->tools, &world->settings);
	struct credentials_wait *wait = credentials_get(world->credentials, 0, on_ready, world);
	while (world->agent.asked == 0)
		event_base_loop(world->loop, EVLOOP_ONCE);
	credentials_cancel(wait);
	get(world, 0); /* ended with all */
	again(world);
	assert_int_equal(world->ready, 0);
}

/* Ended in each of its steps. */
static void test_ended_anywhere(void **state)
{
	struct world *world = *state;
	write_file(world, ".aws/config", "[default]\ncredential_process = %s\n", scratch_name(world->scratch, "helper"));
	write_program(world, "exec sleep 100");
	for (unsigned turns = 0; turns < 6; turns++) {
		get(world, 0);
		for (unsigned i = 0; i < turns; i++)
			event_base_loop(world->loop, EVLOOP_ONCE | (i > 2 ? EVLOOP_NONBLOCK : 0));
		again(world);
	}
	assert_int_equal(world->ready, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_environment, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_half_environment, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_files, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_named_files, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_file_faults, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_no_file, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_null_device, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_open_file, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_process, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_process_faults, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_process_commands, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_web, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_web_faults, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_huge_answer, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_sts_again, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_roles, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_role_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_clock, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_container, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_container_variable, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_container_faults, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_container_answers, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_machine, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_machine_faults, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_machine_silent, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_kept, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_outlast, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_expiry, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_renewal, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_refused_inside, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_asking_inside, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_limit, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_cancel, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_ended_anywhere, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
