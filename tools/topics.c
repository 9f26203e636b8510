/*
 * topics - makes Kafka what proto/topics.def says: topics, their settings, and who may do what.
 *
 *     topics --config FILE
 *
 * Runs as `admin` and may run again at any time: what is there stays. Where an existing topic
 * differs (partitions, clean-up, retention) or somebody has a right that no row gives, it says so,
 * changes nothing and exits with 1. Services come from the rows, so adding one needs no list here.
 */
#include "common/base/config.h"
#include "common/base/log.h"
#include "common/io/http.h"
#include "common/io/kafka.h"

#include <stdlib.h>
#include <time.h>

#define ANSWER_MS 30000
#define ASK_AGAIN_MS 50
#define RULES_MAX 512
#define SERVICES_MAX 32

struct settings {
    const char *kafka, *tls_ca, *tls_cert, *tls_key;
    int64_t partitions, replicas;
};

static const struct setting table[] = {
    {"kafka", SETTING_TEXT, offsetof(struct settings, kafka), NULL, 0, 0,
     "brokers, host:port,host:port"},
    {"tls_ca", SETTING_PATH, offsetof(struct settings, tls_ca), "", 0, 0, "CA of the suite"},
    {"tls_cert", SETTING_PATH, offsetof(struct settings, tls_cert), "", 0, 0,
     "certificate of admin"},
    {"tls_key", SETTING_PATH, offsetof(struct settings, tls_key), "", 0, 0, "its key"},
    {"partitions", SETTING_INT, offsetof(struct settings, partitions), "12", 1, 1000,
     "of a topic whose row says 0; fixed at birth"},
    {"replicas", SETTING_INT, offsetof(struct settings, replicas), "1", 1, 9,
     "copies of each partition"},
    {.key = NULL},
};

/* What a topic has beside Kafka's defaults. */
static const struct {
    enum cleanup cleanup;
    const char *name, *value;
} topic_settings[] = {
    {COMPACT, "cleanup.policy", "compact"},
    {COMPACT, "min.compaction.lag.ms", "604800000"},
    {DELETE_14_DAYS, "cleanup.policy", "delete"},
    {DELETE_14_DAYS, "retention.ms", "1209600000"},
};

struct rule {
    rd_kafka_ResourceType_t type;
    char name[64], principal[64];
    rd_kafka_AclOperation_t operation;
};

static struct settings set;
static rd_kafka_t *admin;
static rd_kafka_queue_t *queue;
static struct rule rules[RULES_MAX];
static size_t rule_count;
static char services[SERVICES_MAX][32];
static size_t service_count;
static int drift;

static void __attribute__((noreturn, format(printf, 1, 2))) fail(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    fputs("topics: ", stderr);
    vfprintf(stderr, fmt, args);
    fputc('\n', stderr);
    va_end(args);
    exit(69);
}

static rd_kafka_event_t *answer(const char *what)
{
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, ANSWER_MS);

    if (!event) fail("%s: no answer from %s in %d s", what, set.kafka, ANSWER_MS / 1000);
    if (rd_kafka_event_error(event)) fail("%s: %s", what, rd_kafka_event_error_string(event));
    return event;
}

static int partitions_of(const struct topic_info *info)
{
    return info->partitions ? info->partitions : (int)set.partitions;
}

/* ---- topics ---- */

static rd_kafka_NewTopic_t *topic_new(const struct topic_info *info)
{
    char why[256];
    rd_kafka_NewTopic_t *topic =
        rd_kafka_NewTopic_new(info->name, partitions_of(info), (int)set.replicas, why, sizeof why);

    if (!topic) fail("%s: %s", info->name, why);
    for (size_t i = 0; i < sizeof topic_settings / sizeof *topic_settings; i++) {
        if (topic_settings[i].cleanup != info->cleanup) continue;
        rd_kafka_NewTopic_set_config(topic, topic_settings[i].name, topic_settings[i].value);
    }
    return topic;
}

static void topics_create(void)
{
    rd_kafka_NewTopic_t *topics[TOPIC_MAX];
    size_t n = 0, made = 0;

    for (enum topic t = TOPIC_NONE + 1; t < TOPIC_MAX; t++) topics[n++] = topic_new(topic_info(t));
    rd_kafka_CreateTopics(admin, topics, n, NULL, queue);
    rd_kafka_event_t *event = answer("creating topics");
    const rd_kafka_topic_result_t **results =
        rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &n);
    for (size_t i = 0; i < n; i++) {
        const rd_kafka_resp_err_t err = rd_kafka_topic_result_error(results[i]);
        made += err == RD_KAFKA_RESP_ERR_NO_ERROR;
        if (err == RD_KAFKA_RESP_ERR_NO_ERROR || err == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
            continue;
        fail("%s: %s", rd_kafka_topic_result_name(results[i]), rd_kafka_err2str(err));
    }
    printf("topics: %zu made, %zu were there\n", made, n - made);
    rd_kafka_event_destroy(event);
    rd_kafka_NewTopic_destroy_array(topics, TOPIC_MAX - 1);
}

static void differs(const char *name, const char *what, const char *is, const char *wanted)
{
    printf("drift: %s: %s is %s, not %s\n", name, what, is, wanted);
    drift = 1;
}

static void settings_compare(const rd_kafka_ConfigResource_t *resource)
{
    const char *name = rd_kafka_ConfigResource_name(resource);
    const struct topic_info *info = topic_info(topic_find(str_of(name)));
    size_t n;
    const rd_kafka_ConfigEntry_t **entries = rd_kafka_ConfigResource_configs(resource, &n);

    for (size_t i = 0; i < sizeof topic_settings / sizeof *topic_settings; i++) {
        if (topic_settings[i].cleanup != info->cleanup) continue;
        for (size_t e = 0; e < n; e++) {
            const char *value = rd_kafka_ConfigEntry_value(entries[e]);
            if (strcmp(rd_kafka_ConfigEntry_name(entries[e]), topic_settings[i].name) != 0)
                continue;
            if (value && strcmp(value, topic_settings[i].value) == 0) continue;
            differs(name, topic_settings[i].name, value ? value : "unset", topic_settings[i].value);
        }
    }
}

static void topics_compare(void)
{
    rd_kafka_ConfigResource_t *resources[TOPIC_MAX];
    size_t n = 0;

    for (enum topic t = TOPIC_NONE + 1; t < TOPIC_MAX; t++) {
        resources[n++] = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic_info(t)->name);
    }
    rd_kafka_DescribeConfigs(admin, resources, n, NULL, queue);
    rd_kafka_event_t *event = answer("reading settings");
    const rd_kafka_ConfigResource_t **found =
        rd_kafka_DescribeConfigs_result_resources(rd_kafka_event_DescribeConfigs_result(event), &n);
    for (size_t i = 0; i < n; i++) settings_compare(found[i]);
    rd_kafka_event_destroy(event);
    rd_kafka_ConfigResource_destroy_array(resources, TOPIC_MAX - 1);
}

static void partitions_compare(void)
{
    const struct rd_kafka_metadata *metadata;
    const rd_kafka_resp_err_t err = rd_kafka_metadata(admin, 1, NULL, &metadata, ANSWER_MS);
    char is[16], wanted[16];

    if (err) fail("metadata: %s", rd_kafka_err2str(err));
    for (int i = 0; i < metadata->topic_cnt; i++) {
        const struct rd_kafka_metadata_topic *topic = &metadata->topics[i];
        const enum topic which = topic_find(str_of(topic->topic));
        if (which == TOPIC_NONE || topic->partition_cnt == partitions_of(topic_info(which)))
            continue;
        snprintf(is, sizeof is, "%d", topic->partition_cnt);
        snprintf(wanted, sizeof wanted, "%d", partitions_of(topic_info(which)));
        differs(topic->topic, "partitions", is, wanted);
    }
    rd_kafka_metadata_destroy(metadata);
}

/* ---- rights ---- */

static void service_add(const char *name, size_t n)
{
    for (size_t i = 0; i < service_count; i++) {
        if (strlen(services[i]) == n && memcmp(services[i], name, n) == 0) return;
    }
    if (service_count == SERVICES_MAX) fail("more than %d services", SERVICES_MAX);
    snprintf(services[service_count++], sizeof services[0], "%.*s", (int)n, name);
}

static void services_find(const char *words)
{
    for (const char *word = words; *word;) {
        const size_t n = strcspn(word, " ");
        if (!(n == 1 && *word == '*')) service_add(word, n);
        word += n + strspn(word + n, " ");
    }
}

static void rule_add(rd_kafka_ResourceType_t type, const char *name, const char *service,
                     rd_kafka_AclOperation_t operation)
{
    struct rule *rule = &rules[rule_count++];

    if (rule_count > RULES_MAX) fail("more than %d rules", RULES_MAX);
    rule->type = type;
    rule->operation = operation;
    snprintf(rule->name, sizeof rule->name, "%s", name);
    snprintf(rule->principal, sizeof rule->principal, "User:%s", service);
}

static void rules_make(void)
{
    for (enum topic t = TOPIC_NONE + 1; t < TOPIC_MAX; t++) {
        services_find(topic_info(t)->producers);
        services_find(topic_info(t)->consumers);
    }
    /* They stand in no row, but audit and hear of revocations like everyone. */
    service_add("keyd", strlen("keyd"));
    service_add("fhir", strlen("fhir"));
    for (size_t i = 0; i < service_count; i++) {
        rule_add(RD_KAFKA_RESOURCE_GROUP, services[i], services[i], RD_KAFKA_ACL_OPERATION_READ);
        for (enum topic t = TOPIC_NONE + 1; t < TOPIC_MAX; t++) {
            const struct topic_info *info = topic_info(t);
            if (topic_names(info->producers, services[i])) {
                rule_add(RD_KAFKA_RESOURCE_TOPIC, info->name, services[i],
                         RD_KAFKA_ACL_OPERATION_WRITE);
            }
            if (topic_names(info->consumers, services[i])) {
                rule_add(RD_KAFKA_RESOURCE_TOPIC, info->name, services[i],
                         RD_KAFKA_ACL_OPERATION_READ);
            }
        }
    }
}

static void rules_create(void)
{
    rd_kafka_AclBinding_t *bindings[RULES_MAX];
    char why[256];
    size_t n;

    for (size_t i = 0; i < rule_count; i++) {
        bindings[i] = rd_kafka_AclBinding_new(
            rules[i].type, rules[i].name, RD_KAFKA_RESOURCE_PATTERN_LITERAL, rules[i].principal,
            "*", rules[i].operation, RD_KAFKA_ACL_PERMISSION_TYPE_ALLOW, why, sizeof why);
        if (!bindings[i]) fail("%s: %s", rules[i].name, why);
    }
    rd_kafka_CreateAcls(admin, bindings, rule_count, NULL, queue);
    rd_kafka_event_t *event = answer("giving rights");
    const rd_kafka_acl_result_t **results =
        rd_kafka_CreateAcls_result_acls(rd_kafka_event_CreateAcls_result(event), &n);
    for (size_t i = 0; i < n; i++) {
        const rd_kafka_error_t *error = rd_kafka_acl_result_error(results[i]);
        if (error)
            fail("%s for %s: %s", rules[i].name, rules[i].principal, rd_kafka_error_string(error));
    }
    printf("rights: %zu of %zu services\n", rule_count, service_count);
    rd_kafka_event_destroy(event);
    rd_kafka_AclBinding_destroy_array(bindings, rule_count);
}

static bool rule_given(const rd_kafka_AclBinding_t *found)
{
    for (size_t i = 0; i < rule_count; i++) {
        if (rules[i].type == rd_kafka_AclBinding_restype(found) &&
            rules[i].operation == rd_kafka_AclBinding_operation(found) &&
            strcmp(rules[i].name, rd_kafka_AclBinding_name(found)) == 0 &&
            strcmp(rules[i].principal, rd_kafka_AclBinding_principal(found)) == 0) {
            return true;
        }
    }
    return false;
}

static rd_kafka_event_t *rules_read(void)
{
    char why[256];
    rd_kafka_AclBindingFilter_t *all = rd_kafka_AclBindingFilter_new(
        RD_KAFKA_RESOURCE_ANY, NULL, RD_KAFKA_RESOURCE_PATTERN_ANY, NULL, NULL,
        RD_KAFKA_ACL_OPERATION_ANY, RD_KAFKA_ACL_PERMISSION_TYPE_ANY, why, sizeof why);

    rd_kafka_DescribeAcls(admin, all, NULL, queue);
    rd_kafka_event_t *event = answer("reading rights");
    rd_kafka_AclBinding_destroy(all);
    return event;
}

static size_t rules_in_force(const rd_kafka_AclBinding_t **found, size_t n)
{
    size_t given = 0;

    for (size_t i = 0; i < n; i++) given += rule_given(found[i]);
    return given;
}

/* The controller answers before its brokers have heard: a service that started now would be
 * refused for life. Kafka tells nobody when a broker knows, so it is asked. */
static rd_kafka_event_t *rules_await(void)
{
    const struct timespec pause = {.tv_nsec = ASK_AGAIN_MS * 1000000L};
    size_t n;

    for (int asked = 0; asked < ANSWER_MS / ASK_AGAIN_MS; asked++) {
        rd_kafka_event_t *event = rules_read();
        const rd_kafka_AclBinding_t **found =
            rd_kafka_DescribeAcls_result_acls(rd_kafka_event_DescribeAcls_result(event), &n);
        if (rules_in_force(found, n) == rule_count) return event;
        rd_kafka_event_destroy(event);
        nanosleep(&pause, NULL);
    }
    fail("%s does not know its rights after %d s", set.kafka, ANSWER_MS / 1000);
}

static void rules_compare(void)
{
    size_t n;
    rd_kafka_event_t *event = rules_await();
    const rd_kafka_AclBinding_t **found =
        rd_kafka_DescribeAcls_result_acls(rd_kafka_event_DescribeAcls_result(event), &n);

    for (size_t i = 0; i < n; i++) {
        if (rule_given(found[i])) continue;
        differs(rd_kafka_AclBinding_name(found[i]), rd_kafka_AclBinding_principal(found[i]),
                rd_kafka_AclOperation_name(rd_kafka_AclBinding_operation(found[i])),
                "in topics.def");
    }
    rd_kafka_event_destroy(event);
}

/* ---- the program ---- */

int main(int argc, char **argv)
{
    static const char *const none[] = {NULL};
    const struct setting *const tables[] = {table, NULL};

    if (argc != 3 || strcmp(argv[1], "--config") != 0) {
        fputs("usage: topics --config FILE\n", stderr);
        return 64;
    }
    log_open("topics", LOG_WARN);
    if (config_load(tables, argv[2], &set, stderr) != ERR_OK) return 78;
    const struct http_tls tls = {set.tls_ca, set.tls_cert, set.tls_key};
    admin = kafka_new(RD_KAFKA_PRODUCER,
                      kafka_conf(set.kafka, *set.tls_cert ? &tls : NULL, "topics", none));
    if (!admin) return 69;
    queue = rd_kafka_queue_new(admin);
    rules_make();
    topics_create();
    topics_compare();
    partitions_compare();
    rules_create();
    rules_compare();
    rd_kafka_queue_destroy(queue);
    rd_kafka_destroy(admin);
    return drift;
}
