/*
 * The files of /proc/[pid]/ns: the instance has one namespace of each kind. namespaces(7)
 */
#ifndef LIBOS_NAMESPACE_H
#define LIBOS_NAMESPACE_H

#include "libos_file.h"

/* CLONE_NEW* of the namespace that the file stands for; 0: it is no such file. */
uint32_t libos_namespace_kind(const struct libos_file* f);

#endif /* LIBOS_NAMESPACE_H */
