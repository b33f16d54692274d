/* dns/xml by tables: what is read, what is refused, and what is written. */
// links: dns
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "dns/xml.h"

struct read_case {
	const char *document, *path, *text; /* text NULL: there is no such element */
};

static const struct read_case read_cases[] = {
	{"<a><b>x</b></a>", "b", "x"},
	{"<a><b>x</b></a>", "", ""},
	{"<a>x</a>", "", "x"},
	{"<a><b>x</b></a>", "c", NULL},
	{"<a><b>x</b></a>", "b/c", NULL},
	{"<a><bc>y</bc><b>x</b></a>", "b", "x"},
	{"<a><b><c>1</c></b><b><c>2</c></b></a>", "b/c", "1"},
	{"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<a><b>x</b></a>\n", "b", "x"},
	{"<?xml version='1.0' encoding='utf-8'?><a>x</a>", "", "x"},
	{"<?xml version='1.0'?><a>x</a>", "", "x"},
	{"\xef\xbb\xbf<a>x</a>", "", "x"},
	{"<a xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\"><b>x</b></a>", "b", "x"},
	{"<p:a xmlns:p=\"urn:x\"><p:b>x</p:b></p:a>", "b", "x"},
	{"<a xmlns=\"u:1\"><b xmlns=\"u:2\" c=\"d\">x</b></a>", "b", "x"},
	{"<a><b>&lt;&amp;&gt;&quot;&apos;&#65;&#x42;</b></a>", "b", "<&>\"'AB"},
	{"<a><b>one<!-- not this -->two<?nor this?></b></a>", "b", "onetwo"},
	{"<a><b><![CDATA[<x>&amp;]]></b></a>", "b", "<x>&amp;"},
	{"<a><b> x\r\n y </b></a>", "b", " x\n y "},
	{"<a>before<b>x</b>between<b>y</b>behind</a>", "", ""},
	{"<a>before<b>x</b></a>", "b", "x"},
	{"<a><b/></a>", "b", ""},
	{"<a><b>\xc3\xbc\xe2\x82\xac</b></a>", "b", "\xc3\xbc\xe2\x82\xac"},
};

static void reads_documents(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(read_cases) / sizeof(read_cases[0]); i++) {
		const struct read_case *row = &read_cases[i];
		enum xml_fault fault;
		struct xml *xml = xml_read(row->document, strlen(row->document), &fault);
		if (!xml)
			fail_msg("%s: %s", row->document, xml_explain_fault(fault));
		const char *text = xml_find_text(xml_root(xml), row->path);
		if (!row->text != !text || (text && strcmp(text, row->text) != 0))
			fail_msg("%s: %s holds \"%s\"", row->document, row->path, text ? text : "(none)");
		xml_free(xml);
	}
}

static void keeps_children_in_order(void **state)
{
	static const char document[] = "<l><e>1</e><f/><e>2</e><e><g>3</g></e></l>";
	enum xml_fault fault;
	(void)state;
	struct xml *xml = xml_read(document, sizeof(document) - 1, &fault);
	const struct xml_node *child = xml_root(xml)->child;
	assert_string_equal(xml_root(xml)->name, "l");
	assert_null(xml_root(xml)->next);
	assert_string_equal(child->name, "e");
	assert_string_equal(child->text, "1");
	assert_string_equal(child->next->name, "f");
	assert_string_equal(child->next->next->text, "2");
	assert_string_equal(child->next->next->next->child->text, "3");
	assert_null(child->next->next->next->next);
	assert_null(xml_find(NULL, "a"));
	xml_free(xml);
	xml_free(NULL);
}

#define BYTES(literal) literal, sizeof(literal) - 1

struct refusal_case {
	const char *bytes;
	size_t length;
	enum xml_fault fault;
};

static const struct refusal_case refusal_cases[] = {
	{BYTES(""), XML_EMPTY},
	{BYTES(" \r\n\t"), XML_EMPTY},
	{BYTES("\0"), XML_MALFORMED},
	{BYTES("no XML"), XML_MALFORMED},
	{BYTES("{\"message\": \"Forbidden\"}"), XML_MALFORMED},
	{BYTES("<a>"), XML_MALFORMED},
	{BYTES("<a><b>x</b>"), XML_MALFORMED},
	{BYTES("<a><b>x</a></b>"), XML_MALFORMED},
	{BYTES("<a/><b/>"), XML_MALFORMED},
	{BYTES("<a/>x"), XML_MALFORMED},
	{BYTES("<a>&nbsp;</a>"), XML_MALFORMED},
	{BYTES("<a>&#0;</a>"), XML_MALFORMED},
	{BYTES("<a>\x01</a>"), XML_MALFORMED},
	{BYTES("<a>\0</a>"), XML_MALFORMED},
	{BYTES("<a>\xff</a>"), XML_MALFORMED},
	{BYTES("<a>\xed\xa0\x80</a>"), XML_MALFORMED},
	{BYTES("<p:a/>"), XML_MALFORMED},
	{BYTES("<a b=1/>"), XML_MALFORMED},
	{BYTES("<!DOCTYPE a><a/>"), XML_DOCTYPE},
	{BYTES("<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><a/>"), XML_DOCTYPE},
	{BYTES("<!DOCTYPE a [<!ENTITY b \"bbbb\"><!ENTITY c \"&b;&b;&b;\">]><a>&c;</a>"), XML_DOCTYPE},
	{BYTES("<?xml version='1.0'?><!DOCTYPE a [<!ENTITY % b SYSTEM 'http://127.0.0.1/'>%b;]><a/>"), XML_DOCTYPE},
	{BYTES("<!DOCTYPE html><html><body>Sign in</body></html>"), XML_DOCTYPE},
	{BYTES("<?xml version='1.0' encoding='ISO-8859-1'?><a>\xfc</a>"), XML_ENCODING},
	{BYTES("<?xml version='1.0' encoding='UTF-16'?><a/>"), XML_ENCODING},
	{BYTES("<?xml version='1.0' encoding='x-unknown'?><a/>"), XML_ENCODING},
	{BYTES("\xff\xfe<\0a\0/\0>\0"), XML_MALFORMED},
	{BYTES("\xfe\xff\0<\0a\0/\0>"), XML_MALFORMED},
	{BYTES("<\0a\0/\0>\0"), XML_MALFORMED},
	{BYTES("+ADw-a+AD4-"), XML_MALFORMED},
};

static void refuses_the_rest(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refusal_cases) / sizeof(refusal_cases[0]); i++) {
		enum xml_fault fault = XML_WELL;
		struct xml *xml = xml_read(refusal_cases[i].bytes, refusal_cases[i].length, &fault);
		if (xml || fault != refusal_cases[i].fault)
			fail_msg("%s: %s", refusal_cases[i].bytes, xml_explain_fault(fault));
	}
}

/* Every beginning of a document but the whole is refused, whatever it ends in. */
static void refuses_what_is_cut_off(void **state)
{
	static const char document[] = "<?xml version=\"1.0\"?>\n<a xmlns=\"u:x\"><b c='d'>x&amp;\xc3\xbc<![CDATA[y]]></b><!-- z --></a>";
	enum xml_fault fault;
	(void)state;
	for (size_t length = 0; length < sizeof(document) - 1; length++) {
		char *exact = malloc(length > 0 ? length : 1);
		memcpy(exact, document, length);
		assert_null(xml_read(exact, length, &fault));
		assert_int_equal(fault, length == 0 ? XML_EMPTY : XML_MALFORMED);
		free(exact);
	}
	struct xml *xml = xml_read(document, sizeof(document) - 1, &fault);
	assert_non_null(xml);
	xml_free(xml);
}

static char *nest(unsigned depth)
{
	struct text out;
	text_init(&out, 1000000);
	for (unsigned i = 0; i < depth; i++)
		text_addf(&out, "<e>");
	for (unsigned i = 0; i < depth; i++)
		text_addf(&out, "</e>");
	return text_take(&out);
}

static enum xml_fault read_fault(const char *document)
{
	enum xml_fault fault;
	struct xml *xml = xml_read(document, strlen(document), &fault);
	assert_true((fault == XML_WELL) == (xml != NULL));
	xml_free(xml);
	return fault;
}

static void bounds_depth(void **state)
{
	static const struct {
		unsigned depth;
		enum xml_fault fault;
	} cases[] = {{XML_DEPTH_MAX, XML_WELL}, {XML_DEPTH_MAX + 1, XML_TOO_DEEP}, {100000, XML_TOO_DEEP}};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *document = nest(cases[i].depth);
		assert_int_equal(read_fault(document), cases[i].fault);
		free(document);
	}
}

/* `count` elements below the root. */
static char *widen(unsigned count)
{
	struct text out;
	text_init(&out, XML_SIZE_MAX);
	text_addf(&out, "<r>");
	for (unsigned i = 0; i < count; i++)
		text_add(&out, "<e/>", 4);
	text_addf(&out, "</r>");
	return text_take(&out);
}

static void bounds_elements(void **state)
{
	(void)state;
	char *fits = widen(XML_NODES_MAX - 1), *more = widen(XML_NODES_MAX);
	assert_int_equal(read_fault(fits), XML_WELL);
	assert_int_equal(read_fault(more), XML_TOO_LARGE);
	free(fits);
	free(more);
}

static void bounds_size(void **state)
{
	char *document = malloc(XML_SIZE_MAX + 2);
	enum xml_fault fault;
	(void)state;
	memset(document, 'x', XML_SIZE_MAX + 1);
	document[XML_SIZE_MAX + 1] = '\0';
	memcpy(document, "<a>", 3);
	memcpy(document + XML_SIZE_MAX - 4, "</a>", 5);
	struct xml *xml = xml_read(document, XML_SIZE_MAX, &fault);
	assert_non_null(xml);
	assert_int_equal(strlen(xml_root(xml)->text), XML_SIZE_MAX - 7);
	xml_free(xml);
	assert_null(xml_read(document, XML_SIZE_MAX + 1, &fault));
	assert_int_equal(fault, XML_TOO_LARGE);
	free(document);
}

static void explains_each_fault(void **state)
{
	(void)state;
	for (int fault = XML_WELL; fault <= XML_TOO_DEEP; fault++)
		assert_true(strlen(xml_explain_fault((enum xml_fault)fault)) > 4);
}

static void escapes(void **state)
{
	static const struct {
		const char *text, *written;
	} cases[] = {
		{"", ""},
		{"plain", "plain"},
		{"a<b>&\"'c", "a&lt;b&gt;&amp;\"'c"},
		{"]]>", "]]&gt;"},
		{"\xc3\xbc", "\xc3\xbc"},
		{"a\r\n\tb", "a&#13;\n\tb"},
		{"\x01\x1b[2J", "??[2J"},
		{"\xff\xc3", "??"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct text out;
		text_init(&out, 1000);
		xml_add_escaped(&out, cases[i].text);
		assert_string_equal(out.bytes, cases[i].written);
		text_fini(&out);
	}
}

static void writes_what_it_reads(void **state)
{
	static const char odd[] = "<&>\r\n\t\"]]>\xe2\x82\xac";
	struct text out;
	enum xml_fault fault;
	(void)state;
	text_init(&out, 1000);
	xml_add_element(&out, "Value", odd);
	struct xml *xml = xml_read(out.bytes, out.length, &fault);
	assert_string_equal(xml_root(xml)->name, "Value");
	assert_string_equal(xml_root(xml)->text, odd);
	xml_free(xml);
	text_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_documents),
		cmocka_unit_test(keeps_children_in_order),
		cmocka_unit_test(refuses_the_rest),
		cmocka_unit_test(refuses_what_is_cut_off),
		cmocka_unit_test(bounds_depth),
		cmocka_unit_test(bounds_elements),
		cmocka_unit_test(bounds_size),
		cmocka_unit_test(explains_each_fault),
		cmocka_unit_test(escapes),
		cmocka_unit_test(writes_what_it_reads),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
