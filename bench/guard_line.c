/* The script of requests. Test's thread. Sends nothing. */
#include "bench/guard_line.h"

#include <stdio.h>
#include <string.h>
#include <stdlib.h>

#include "base/memory.h"

#define CHUNKS 4u
#define REQUESTS 1000u
#define HEAD_MOST 4096u

static const struct guard_line lines[] = {
	{.name = "small", .what = "GET, keep-alive, 64 B answer", .answer_body = 64},
	{.name = "browser", .what = "a browser's head (900 B in 20 fields), 64 B answer", .browser = true, .answer_body = 64},
	{.name = "post", .what = "POST of 1 KiB, 64 B answer", .request_body = 1024, .answer_body = 64},
	{.name = "chunked", .what = "GET, answer of 4 chunks of 256 B", .chunked = true, .answer_body = 1024},
	{.name = "64k", .what = "GET, 64 KiB answer", .answer_body = 65536},
	{.name = "newconn", .what = "a new connection for each GET, 64 B answer", .closes = true, .answer_body = 64},
	{.name = "hosts", .what = "GET, one of 100 services by its host, 64 B answer", .hosts = 100, .answer_body = 64},
	{.name = "tls", .what = "GET over TLS 1.3, keep-alive, 64 B answer", .tls = true, .answer_body = 64},
	{.name = "tls-64k", .what = "GET over TLS 1.3, 64 KiB answer", .tls = true, .answer_body = 65536},
	{.name = "tls-new", .what = "a new connection over TLS 1.3 for each GET, 64 B answer", .requests = 100, .tls = true, .closes = true, .answer_body = 64},
	{.name = "tls-behind", .what = "GET, TLS 1.3 to the backend, 64 B answer", .tls_behind = true, .answer_body = 64},
	{.name = "log", .what = "a browser's head, 64 B answer, access log on", .browser = true, .answer_body = 64, .access = PROXY_ACCESS_JSON},
};

/* The same as bench/run.py sends. */
static const char browser_fields[] = "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36\r\n"
				     "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n"
				     "Accept-Language: en-GB,en;q=0.9,de;q=0.8\r\n"
				     "Accept-Encoding: gzip, deflate, br\r\n"
				     "Cache-Control: no-cache\r\n"
				     "Pragma: no-cache\r\n"
				     "DNT: 1\r\n"
				     "Upgrade-Insecure-Requests: 1\r\n"
				     "Sec-Fetch-Dest: document\r\n"
				     "Sec-Fetch-Mode: navigate\r\n"
				     "Sec-Fetch-Site: same-origin\r\n"
				     "Sec-Fetch-User: ?1\r\n"
				     "Sec-Ch-Ua: \"Chromium\";v=\"120\", \"Not A Brand\";v=\"24\"\r\n"
				     "Sec-Ch-Ua-Mobile: ?0\r\n"
				     "Sec-Ch-Ua-Platform: \"Linux\"\r\n"
				     "Referer: https://shop.example.com/catalogue/category/17?page=2&sort=price\r\n"
				     "Origin: https://shop.example.com\r\n"
				     "Cookie: session=5f2b9c1e7a8d4e6f90ab12cd34ef56ab; theme=dark; consent=all; cart=3; _seen=1712345678.42\r\n"
				     "Priority: u=0, i\r\n";

const struct guard_line *guard_line_find(const char *name)
{
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		if (strcmp(lines[i].name, name) == 0)
			return &lines[i];
	}
	return NULL;
}

unsigned guard_line_requests(const struct guard_line *line)
{
	return line->requests > 0 ? line->requests : REQUESTS;
}

void guard_line_print_all(void)
{
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		printf("%s\t%u\t%s\n", lines[i].name, guard_line_requests(&lines[i]), lines[i].what);
}

void guard_line_write_host(char *out, size_t size, unsigned number)
{
	snprintf(out, size, "shop-%02u.example.com", number);
}

/* Only the last byte of a body is a tilde. */
static void add_body(struct guard_text *text, size_t length)
{
	memset(text->at + text->length, 'x', length);
	text->length += length;
	text->at[text->length - 1] = '~';
}

static struct guard_text write_request(const struct guard_line *line, unsigned number)
{
	struct guard_text text = {memory_new(HEAD_MOST + line->request_body), 0};
	char host[64], length[80] = "";
	guard_line_write_host(host, sizeof(host), number);
	if (line->request_body > 0)
		snprintf(length, sizeof(length), "Content-Type: text/plain\r\nContent-Length: %zu\r\n", line->request_body);
	text.length = (size_t)snprintf(text.at, HEAD_MOST, "%s /64B HTTP/1.1\r\nHost: %s\r\n%s%s%s\r\n", line->request_body > 0 ? "POST" : "GET", host,
		line->browser ? browser_fields : "", length, line->closes ? "Connection: close\r\n" : "");
	if (line->request_body > 0)
		add_body(&text, line->request_body);
	return text;
}

static void add_chunks(struct guard_text *text, size_t body)
{
	for (unsigned i = 0; i < CHUNKS; i++) {
		text->length += (size_t)sprintf(text->at + text->length, "%zx\r\n", body / CHUNKS);
		add_body(text, body / CHUNKS);
		memcpy(text->at + text->length, "\r\n", 2);
		text->length += 2;
	}
	memcpy(text->at + text->length, "0\r\n\r\n", 5);
	text->length += 5;
}

static struct guard_text write_answer(const struct guard_line *line)
{
	struct guard_text text = {memory_new(HEAD_MOST + line->answer_body), 0};
	char length[64] = "Transfer-Encoding: chunked";
	if (!line->chunked)
		snprintf(length, sizeof(length), "Content-Length: %zu", line->answer_body);
	text.length = (size_t)snprintf(text.at, HEAD_MOST,
		"HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Tue, 14 Nov 2023 22:13:20 GMT\r\nContent-Type: text/plain\r\n%s\r\nConnection: keep-alive\r\n\r\n",
		length);
	if (line->chunked)
		add_chunks(&text, line->answer_body);
	else
		add_body(&text, line->answer_body);
	return text;
}

void guard_line_write_texts(const struct guard_line *line, struct guard_texts *texts)
{
	texts->request_count = line->hosts > 0 ? line->hosts : 1;
	texts->requests = memory_new(texts->request_count * sizeof(*texts->requests));
	for (unsigned i = 0; i < texts->request_count; i++)
		texts->requests[i] = write_request(line, i);
	texts->answer = write_answer(line);
	texts->request_end = line->request_body > 0 ? "~" : "\r\n\r\n";
	texts->answer_end = line->chunked ? "\r\n0\r\n\r\n" : "~";
}

void guard_line_free_texts(struct guard_texts *texts)
{
	for (unsigned i = 0; i < texts->request_count; i++)
		free(texts->requests[i].at);
	free(texts->requests);
	free(texts->answer.at);
}
