/* The color of a request while the traffic is split. A worker's thread. Decides nothing where all of it goes one way. */
#include "proxy/sticky.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "proxy/cookie.h"
#include "proxy/octet.h"

#define NUMBER_LENGTH 4u

_Static_assert(TABLE_SPLIT_WHOLE == 10000, "the numbers that four digits can write");

/* Where the deployment's points begin among the clients' numbers. */
static uint32_t shift_of(const struct table_service *service)
{
	return (uint32_t)(service->seed % TABLE_SPLIT_WHOLE);
}

static bool read_number(struct span text, uint32_t *number)
{
	if (text.length != NUMBER_LENGTH)
		return false;
	*number = 0;
	for (size_t i = 0; i < NUMBER_LENGTH; i++) {
		if (!octet_is(text.at[i], OCTET_DIGIT))
			return false;
		*number = *number * 10 + (uint32_t)(text.at[i] - '0');
	}
	return true;
}

/* Of several cookies with the name, the first good one. */
static bool find_number(const struct table_service *service, const struct head *head, uint32_t *number)
{
	struct cookie_walk walk;
	struct span value;
	cookie_begin(&walk, head);
	while (cookie_next(&walk, service->sticky_name.text, service->sticky_name.length, &value)) {
		if (read_number(value, number))
			return true;
	}
	return false;
}

static uint32_t choose_by_cookie(const struct table_service *service, const struct head *head, uint32_t *turn, struct sticky_choice *choice)
{
	uint32_t number, shift = shift_of(service);
	if (find_number(service, head, &number))
		return (number + shift) % TABLE_SPLIT_WHOLE;
	uint32_t point = table_take_point(turn);
	choice->pins = true;
	choice->number = (uint16_t)((point + TABLE_SPLIT_WHOLE - shift) % TABLE_SPLIT_WHOLE);
	return point;
}

static uint32_t choose_by_header(const struct table_service *service, const struct head *head, uint32_t *turn)
{
	struct span value = head_value_named(head, service->sticky_name.text, service->sticky_name.length);
	return value.length > 0 ? table_point_of_key(service, value.at, value.length) : table_take_point(turn);
}

static uint32_t choose_by_address(const struct table_service *service, uint64_t address, uint32_t *turn)
{
	return address != 0 ? table_point_of_key(service, (const char *)&address, sizeof(address)) : table_take_point(turn);
}

static uint32_t choose_point(const struct table_service *service, const struct head *head, uint64_t address, uint32_t *turn, struct sticky_choice *choice)
{
	switch (service->sticky) {
	case TABLE_STICKY_COOKIE:
		return choose_by_cookie(service, head, turn, choice);
	case TABLE_STICKY_HEADER:
		return choose_by_header(service, head, turn);
	case TABLE_STICKY_ADDRESS:
		return choose_by_address(service, address, turn);
	case TABLE_STICKY_NONE:
		break;
	}
	return table_take_point(turn);
}

struct sticky_choice sticky_choose(const struct table_service *service, const struct head *head, uint64_t address, uint32_t *turn)
{
	struct sticky_choice choice = {.pins = false};
	if (!table_is_split(service)) {
		choice.color = service->blue_split == 0 ? COLOR_GREEN : COLOR_BLUE;
		return choice;
	}
	choice.color = table_color_at(service, choose_point(service, head, address, turn, &choice));
	enum color other = color_other(choice.color);
	if (service->colors[choice.color].up == 0 && service->colors[other].up > 0) {
		choice.color = other;
		choice.pins = false;
	}
	return choice;
}

size_t sticky_write_field(const struct table_service *service, unsigned number, char out[STICKY_FIELD_SIZE])
{
	assert(number < TABLE_SPLIT_WHOLE);
	int length = snprintf(out, STICKY_FIELD_SIZE, "%s=%04u; Path=/; HttpOnly; SameSite=Lax", service->sticky_name.text, number);
	return length > 0 && (unsigned)length < STICKY_FIELD_SIZE ? (size_t)length : 0;
}
