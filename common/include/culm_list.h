/*
 * Doubly linked circular list with an embedded node, as the field knows it.
 */
#ifndef CULM_LIST_H
#define CULM_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list_node {
    struct list_node *next, *prev;
};

#define LIST_INIT(name)                                                                            \
    { &(name), &(name) }
#define container_of(ptr, type, member) ((type*)((char*)(ptr)-offsetof(type, member)))

static inline void list_init(struct list_node* head) {
    head->next = head->prev = head;
}
static inline bool list_empty(const struct list_node* head) {
    return head->next == head;
}
static inline void list_insert_(struct list_node* node, struct list_node* prev,
                                struct list_node* next) {
    node->prev = prev;
    node->next = next;
    prev->next = node;
    next->prev = node;
}
static inline void list_add(struct list_node* head, struct list_node* node) {
    list_insert_(node, head, head->next);
}
static inline void list_add_tail(struct list_node* head, struct list_node* node) {
    list_insert_(node, head->prev, head);
}
/* The node is left initialised, so that deleting twice and list_empty(node) are safe. */
static inline void list_del(struct list_node* node) {
    node->prev->next = node->next;
    node->next->prev = node->prev;
    list_init(node);
}
#define list_entry(node, type, member) container_of(node, type, member)
#define list_first(head, type, member) list_entry((head)->next, type, member)
#define list_for_each(pos, head, type, member)                                                     \
    for (type* pos = list_entry((head)->next, type, member); &pos->member != (head);               \
         pos = list_entry(pos->member.next, type, member))
#define list_for_each_safe(pos, head, type, member)                                                \
    for (type* pos = list_entry((head)->next, type, member),                                       \
               *pos##_next = list_entry(pos->member.next, type, member);                           \
         &pos->member != (head);                                                                   \
         pos = pos##_next, pos##_next = list_entry(pos->member.next, type, member))

#endif /* CULM_LIST_H */
