/*
 * Prints a TOML document from standard input as canonical JSON, or the error; for the comparison
 * with another parser (test_toml_peer.py).
 */
#include "unit.h"

static void put_string(const char* text, size_t length) {
    putchar('"');
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '"' || c == '\\' || c < ' ' || c == 0x7f)
            printf("\\u%04x", c);
        else
            putchar(c);
    }
    putchar('"');
}

static void put_datetime(const toml_value_t* value) {
    const toml_datetime_t* d = value->datetime;
    printf("\"%04u-%02u-%02u %02u:%02u:%02u.%06u %d %d\"", d->year, d->month, d->day, d->hour,
           d->minute, d->second, d->nanosecond / 1000, d->offset, value->type);
}

static void put_table(const toml_table_t* table);

static void put_value(const toml_value_t* value) {
    switch (value->type) {
        case TOML_STRING:
            put_string(value->string.text, value->string.length);
            break;
        case TOML_INT:
            printf("%lld", (long long)value->integer);
            break;
        case TOML_FLOAT: {
            double number = toml_float_value(value);
            if (number != number)
                fputs("\"fnan\"", stdout);
            else
                printf("\"f%.17g\"", number);
            break;
        }
        case TOML_BOOL:
            fputs(value->boolean ? "true" : "false", stdout);
            break;
        case TOML_ARRAY:
            putchar('[');
            for (size_t i = 0; i < toml_array_count(value->array); i++) {
                if (i)
                    putchar(',');
                put_value(toml_array_item(value->array, i));
            }
            putchar(']');
            break;
        case TOML_TABLE:
            put_table(value->table);
            break;
        default:
            put_datetime(value);
    }
}

static void put_table(const toml_table_t* table) {
    putchar('{');
    for (size_t i = 0; i < toml_table_count(table); i++) {
        const toml_entry_t* entry = toml_table_entry(table, i);
        if (i)
            putchar(',');
        put_string(entry->key, entry->key_length);
        putchar(':');
        put_value(&entry->value);
    }
    putchar('}');
}

/* Documents come one after another, each behind its length in decimal and a newline. */
int main(void) {
    static char text[1 << 20];
    size_t size;
    while (scanf("%zu", &size) == 1 && getchar() == '\n' && size <= sizeof(text)) {
        toml_error_t error;
        if (fread(text, 1, size, stdin) != size)
            return 1;
        toml_table_t* root = unit_parse(text, size, &error);
        if (root)
            put_table(root);
        else
            printf("!%u:%u: %s", error.line, error.column, error.message);
        putchar('\n');
        toml_free(root);
    }
    return 0;
}
