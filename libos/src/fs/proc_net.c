/*
 * /proc/net: the tables of the host's network, which the guest uses; headers without entries where
 * the host does not tell.
 */
#include "proc_host.h"
#include "proc_pid_internal.h"

#define CONST_(n, text)                                                                            \
    { .name = (n), .mode = S_IFREG | 0444, .show = proc_show_constant, .data = (text) }

#define INET_HEADER                                                                                \
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout "  \
    "inode\n"
#define INET6_HEADER                                                                               \
    "  sl  local_address                         remote_address                        st "        \
    "tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
#define UDP_HEADER                                                                                 \
    "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout " \
    "inode ref pointer drops             \n"
#define UDP6_HEADER                                                                                \
    "  sl  local_address                         remote_address                        st "        \
    "tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n"

const struct libos_pseudo_node g_proc_net_children[] = {
    HOST_FILE("arp", NET_ARP,
              "IP address       HW type     Flags       HW address            Mask     Device\n"),
    HOST_FILE("dev", NET_DEV,
              "Inter-|   Receive                                                |  Transmit\n"
              " face |bytes    packets errs drop fifo frame compressed multicast|bytes    "
              "packets errs drop fifo colls carrier compressed\n"),
    HOST_FILE("dev_mcast", NET_DEV_MCAST, ""),
    HOST_FILE("icmp", NET_ICMP, ""),
    HOST_FILE("if_inet6", NET_IF_INET6, ""),
    HOST_FILE("igmp", NET_IGMP, ""),
    HOST_FILE("ipv6_route", NET_IPV6_ROUTE, ""),
    HOST_FILE("netstat", NET_NETSTAT, ""),
    CONST_("packet", "sk       RefCnt Type Proto  Iface R Rmem   User   Inode\n"),
    HOST_FILE("protocols", NET_PROTOCOLS, ""),
    HOST_FILE("ptype", NET_PTYPE, "Type Device      Function\n"),
    HOST_FILE("raw", NET_RAW, UDP_HEADER),
    HOST_FILE("raw6", NET_RAW6, UDP6_HEADER),
    HOST_FILE("route", NET_ROUTE,
              "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\t"
              "IRTT                                                       \n"),
    HOST_FILE("snmp", NET_SNMP, ""),
    HOST_FILE("snmp6", NET_SNMP6, ""),
    HOST_FILE("sockstat", NET_SOCKSTAT, ""),
    HOST_FILE("sockstat6", NET_SOCKSTAT6, ""),
    HOST_FILE("softnet_stat", NET_SOFTNET_STAT, ""),
    HOST_FILE("tcp", NET_TCP, INET_HEADER),
    HOST_FILE("tcp6", NET_TCP6, INET6_HEADER),
    HOST_FILE("udp", NET_UDP, UDP_HEADER),
    HOST_FILE("udp6", NET_UDP6, UDP6_HEADER),
    HOST_FILE("udplite", NET_UDPLITE, UDP_HEADER),
    HOST_FILE("udplite6", NET_UDPLITE6, UDP6_HEADER),
    CONST_("unix", "Num       RefCount Protocol Flags    Type St Inode Path\n"),
    {0},
};
