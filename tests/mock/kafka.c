/* A Kafka of librdkafka's own, for black-box tests: prints its address and lives until its standard
 * input ends. Topics come from topics.def. It has no TLS: name it as plaintext://<address>. */
#include "common/io/topics.h"

#include <dirent.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

/* The mock answers after 40 ms because of Nagle; accepted sockets inherit the option. */
static void hurry(void)
{
    DIR *const fds = opendir("/proc/self/fd");
    const int on = 1;

    for (const struct dirent *entry; fds && (entry = readdir(fds));) {
        int64_t number = 0;
        int listening = 0;
        socklen_t n = sizeof listening;

        if (!str_int(str_of(entry->d_name), 0, INT32_MAX, &number)) continue;
        const int fd = (int)number;
        if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &n) == 0 && listening)
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
    if (fds) closedir(fds);
}

int main(void)
{
    rd_kafka_t *const client = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), NULL, 0);
    rd_kafka_mock_cluster_t *const mock = client ? rd_kafka_mock_cluster_new(client, 1) : NULL;

    if (!mock) return 1;
    for (enum topic topic = TOPIC_NONE + 1; topic < TOPIC_MAX; topic++) {
        const struct topic_info *const info = topic_info(topic);

        rd_kafka_mock_topic_create(mock, info->name, info->partitions ? info->partitions : 3, 1);
    }
    hurry();
    puts(rd_kafka_mock_cluster_bootstraps(mock));
    fflush(stdout);
    while (getchar() != EOF) continue;
    rd_kafka_mock_cluster_destroy(mock);
    rd_kafka_destroy(client);
    return 0;
}
