"""What each role asks of AWS, call by call as the code makes them, and what it must be refused, decided over the policies of a plan.

What operators may do in Kafka is what the tables of rights in replay.md and dead-letters.md list, no more and no less (`told`).

Sources: services/lib/lake/src/store.rs (put, get, head, list), services/sink/src (claims and manifests below `chain/`, files below
`lake/`), services/lib/kafka/src (probe.rs, scan.rs, cluster.rs, exchange.rs), services/audit/src, services/lib/query/src.
"""

import json
import re

from checks import tools
from checks.tools import Failed

CLUSTER = "arn:aws:kafka:eu-north-1:123456789012:cluster/tide/0d7a3c1e-1111-2222-3333-444455556666-1"


def _kafka(kind: str, name: str) -> str:
    return f"{CLUSTER.replace(':cluster/', f':{kind}/')}/{name}"


def _read(*topics) -> list:
    actions = ("DescribeTopic", "DescribeTopicDynamicConfiguration", "ReadData")
    return [(f"kafka-cluster:{action}", _kafka("topic", topic)) for topic in topics for action in actions]


def _write(*topics) -> list:
    return [(f"kafka-cluster:{action}", _kafka("topic", topic)) for topic in topics for action in ("DescribeTopic", "WriteData")]


def _join(group) -> list:
    return [(f"kafka-cluster:{action}", _kafka("group", group)) for action in ("AlterGroup", "DescribeGroup")]


def _transact(name) -> list:
    return [(f"kafka-cluster:{action}", _kafka("transactional-id", name)) for action in ("AlterTransactionalId", "DescribeTransactionalId")]


def _objects(action, *paths) -> list:
    return [(f"s3:{action}", f"arn:aws:s3:::{path}") for path in paths]


CONNECT = [("kafka-cluster:Connect", CLUSTER)]
PRODUCE = [("kafka-cluster:WriteDataIdempotently", CLUSTER)]
SCAN = [("kafka-cluster:DescribeGroup", _kafka("group", "tidegate-scan"))]
LAKE_KEY, DEAD_KEY = "arn:aws:kms:eu-north-1:123456789012:key/aaaa", "arn:aws:kms:eu-north-1:123456789012:key/dddd"
FILE = "tide-lake/prod/lake/orders/orders/v1/date=2026-11-21/orders-0-00000000000000000000.parquet"
CLAIM = "tide-lake/prod/chain/orders-AAAA/00000/0000000001.claim.json"

NEEDS = {
    "validator": [
        *CONNECT,
        *PRODUCE,
        *SCAN,
        *_read("orders", "customers.retry", "tidegate.probe"),
        # services/validator/src/first_time.rs, where the group has no position.
        *_read("orders.validated", "tidegate.dlq"),
        *_write("orders.validated", "tidegate.dlq", "tidegate.probe"),
        *_join("tidegate-validator"),
        *_transact("tidegate-validator-0a1b2c"),
        *_transact("tidegate-probe-0a1b2c"),
        *_objects("PutObject", "tide-dead/oversize/x"),
        ("kms:GenerateDataKey", DEAD_KEY),
    ],
    "sink": [
        *CONNECT,
        *_read("orders.validated", "customers.validated"),
        *_join("tidegate-sink"),
        ("s3:ListBucket", "arn:aws:s3:::tide-lake"),
        *_objects("PutObject", FILE, CLAIM),
        *_objects("GetObject", FILE, CLAIM),
        ("kms:Decrypt", LAKE_KEY),
        ("kms:GenerateDataKey", LAKE_KEY),
    ],
    "sla": [
        ("s3:ListBucket", "arn:aws:s3:::tide-lake"),
        *_objects("GetObject", FILE, CLAIM),
        *_objects("PutObject", "tide-lake/prod/sla/history/x"),
        ("kms:Decrypt", LAKE_KEY),
        # services/tidegate/src/commands/sla/traffic.rs, with brokers.
        *CONNECT,
        *SCAN,
        *_read("orders", "orders.retry", "orders.validated", "tidegate.dlq"),
        ("kafka-cluster:DescribeGroup", _kafka("group", "tidegate-validator")),
    ],
    "audit": [
        *CONNECT,
        *SCAN,
        *_read("orders", "orders.validated", "tidegate.dlq"),
        ("kafka-cluster:DescribeGroup", _kafka("group", "tidegate-validator")),
        ("s3:ListBucket", "arn:aws:s3:::tide-lake"),
        *_objects("GetObject", FILE, CLAIM),
        ("kms:Decrypt", LAKE_KEY),
    ],
    "operator": [
        *CONNECT,
        *PRODUCE,
        *SCAN,
        *_read("tidegate.dlq", "orders.validated", "orders.retry", "orders.parked", "tidegate.dead-letters"),
        *_write("orders.retry", "customers.parked", "tidegate.dead-letters"),
        # services/replay/src/run.rs: `transactional_id` and `group`.
        *_transact("tidegate-replay-tidegate.dlq"),
        *_join("tidegate-replay-0a1b2c"),
        ("kafka-cluster:DescribeGroup", _kafka("group", "tidegate-validator")),
        # services/replay/src: a dead letter whose value stayed at its source.
        *_read("orders"),
        *_objects("PutObject", "tide-dead/export/x"),
    ],
    "topics": [
        ("kafka-cluster:CreateTopic", _kafka("topic", name))
        for name in ("orders", "orders.validated", "tidegate.dlq", "orders.parked", "tidegate.probe", "tidegate.dead-letters")
    ],
    # services/tidegate/src/commands/resume: positions of sources, the end of the lake's chain.
    "resume": [
        *CONNECT,
        *_read("orders", "orders.retry"),
        *_read("orders.validated")[:2],
        *_join("tidegate-validator"),
        ("s3:ListBucket", "arn:aws:s3:::tide-lake"),
        *_objects("GetObject", CLAIM),
        *_objects("PutObject", CLAIM, "tide-lake/prod/chain/_losses/x"),
        ("kms:GenerateDataKey", LAKE_KEY),
    ],
    "registry": [("secretsmanager:GetSecretValue", "arn:aws:secretsmanager:eu-north-1:123456789012:secret:tidegate/git-0a1b2c")],
    "lag": [
        *CONNECT,
        ("kafka-cluster:DescribeGroup", _kafka("group", "tidegate-validator")),
        ("kafka-cluster:DescribeTopic", _kafka("topic", "orders")),
    ],
    "dead_letter_reader": [*CONNECT, *_read("tidegate.dlq"), *_objects("GetObject", "tide-dead/export/x"), ("kms:Decrypt", DEAD_KEY)],
}

REFUSED = {
    "validator": [
        *_write("orders", "customers")[1::2],
        ("kafka-cluster:CreateTopic", _kafka("topic", "tidegate.probe")),
        *_read("other")[2:],
        *_join("tidegate-sink"),
        *_transact("other-0a1b2c"),
        *_objects("GetObject", FILE),
        *_objects("PutObject", FILE, "tide-dead/export/x"),
    ],
    "sink": [
        *_read("orders", "tidegate.dlq")[2::3],
        *_write("orders.validated")[1:],
        *_join("tidegate-validator"),
        *_objects("DeleteObject", FILE, CLAIM),
        *_objects("PutObject", "tide-lake/other/lake/x", "tide-lake/prod/sla/history/x", "tide-dead/x"),
        *_objects("GetObject", "tide-dead/x"),
        ("kms:Decrypt", DEAD_KEY),
    ],
    "sla": [
        *PRODUCE,
        *_write("orders", "tidegate.dlq")[1::2],
        *_read("orders.parked")[2:],
        *_join("tidegate-validator")[:1],
        *_objects("PutObject", FILE, CLAIM),
        *_objects("GetObject", "tide-dead/x"),
        ("kms:Decrypt", DEAD_KEY),
    ],
    "audit": [
        *PRODUCE,
        *_write("orders", "tidegate.dlq")[1::2],
        *_join("tidegate-validator")[:1],
        *_objects("PutObject", FILE, CLAIM),
        ("kms:GenerateDataKey", LAKE_KEY),
    ],
    "operator": [
        *_write("orders", "orders.validated", "tidegate.dlq")[1::2],
        *_join("tidegate-validator")[:1],
        *_transact("tidegate-replay-other.dlq"),
        *_transact("tidegate-validator-0a1b2c"),
        *_objects("PutObject", FILE, "tide-dead/oversize/x"),
        *_objects("GetObject", FILE),
        ("kms:Decrypt", LAKE_KEY),
    ],
    "resume": [
        *PRODUCE,
        *_write("orders", "orders.validated")[1::2],
        *_read("orders.validated", "tidegate.dlq")[2::3],
        *_join("tidegate-sink"),
        *_transact("tidegate-validator-0a1b2c"),
        *_objects("PutObject", FILE),
        *_objects("GetObject", FILE, "tide-dead/x"),
    ],
    "topics": [
        *_read("orders")[2:],
        *_write("orders")[1:],
        ("kafka-cluster:DeleteTopic", _kafka("topic", "orders")),
        ("kafka-cluster:CreateTopic", _kafka("topic", "other")),
    ],
    "registry": [
        *CONNECT,
        *_objects("GetObject", FILE),
        ("secretsmanager:GetSecretValue", "arn:aws:secretsmanager:eu-north-1:123456789012:secret:other-0a1b2c"),
    ],
    "lag": [*_read("orders")[2:], *_join("tidegate-validator")[:1]],
    "dead_letter_reader": [
        *_read("orders", "orders.validated")[2::3],
        *_write("tidegate.dlq")[1:],
        *_objects("GetObject", FILE),
        ("kms:Decrypt", LAKE_KEY),
        *_objects("PutObject", "tide-dead/export/x"),
    ],
}


def problems(rows: list) -> list:
    """`rows` as the module `rights` reads them, of the identity module whose address holds `by_pod_identity`."""
    policies = {
        address.split('["', 1)[1].split('"', 1)[0]: json.loads(values["policy"])["Statement"]
        for address, kind, values, _ in rows
        if kind == "aws_iam_role_policy" and "by_pod_identity" in address
    }
    found = [f"the plan has no policy of {role}" for role in NEEDS if role not in policies]
    for role, statements in policies.items():
        for action, resource in NEEDS.get(role, []):
            if not _allowed(statements, action, resource):
                found.append(f"{role} lacks {action} on {resource}")
        for action, resource in REFUSED.get(role, []):
            if _allowed(statements, action, resource):
                found.append(f"{role} has {action} on {resource}")
    return found + told(policies.get("operator", []))


#: Pages whose tables of rights say what operators may do, and who of these pages' tables is one.
PAGES = {"replay.md": r"replay|both", "dead-letters.md": r"`dlq "}
#: What the tables' names stand for in the plan.
NAMES = {
    "`T`": ["customers", "orders"],
    "`T.validated`": ["customers.validated", "orders.validated"],
    "`T.dlq`": ["tidegate.dlq"],
    "`T.retry`": ["customers.retry", "orders.retry"],
    "`T.parked`": ["customers.parked", "orders.parked"],
    "the state topic": ["tidegate.dead-letters"],
    "`tidegate-scan`": ["tidegate-scan"],
    "`tidegate-validator`": ["tidegate-validator"],
    "`tidegate-replay-*`": ["tidegate-replay-*"],
    "`tidegate-replay-T.dlq`": ["tidegate-replay-tidegate.dlq"],
}
#: Kafka's words in IAM's.
WORDS = {
    ("topic", "READ"): ["DescribeTopic", "ReadData"],
    ("topic", "WRITE"): ["DescribeTopic", "WriteData"],
    ("topic", "DESCRIBE_CONFIGS"): ["DescribeTopicDynamicConfiguration"],
    ("group", "READ"): ["AlterGroup", "DescribeGroup"],
    ("group", "DESCRIBE"): ["DescribeGroup"],
    ("transactional-id", "WRITE"): ["AlterTransactionalId", "DescribeTransactionalId"],
}


def listed() -> set:
    """(action, resource) of everything that the pages list for operators, in the names of the plan."""
    docs = tools.ROOT.parents[1] / "services" / "tidegate" / "docs"
    found = set()
    for page, who in PAGES.items():
        found |= of_table(page, (docs / page).read_text().split("\n## Rights\n", 1)[1].split("\n## ", 1)[0], who)
    return found


def told(statements: list) -> list:
    """Differences between what the pages list and what the operator has."""
    wanted = listed()
    has = {
        (action, resource)
        for statement in statements
        for action in statement["Action"]
        for resource in statement["Resource"]
        if action.startswith("kafka-cluster:") and ":cluster/" not in resource
    }
    return [f"operator lacks {action} on {resource}, which {' or '.join(PAGES)} lists" for action, resource in sorted(wanted - has)] + [
        f"operator has {action} on {resource}, which neither of {', '.join(PAGES)} lists" for action, resource in sorted(has - wanted)
    ]


def of_table(page: str, table: str, who: str) -> set:
    """The rows of one table whose first column matches `who`; a row that says something unknown is a failure."""
    rows, of = set(), ""
    for line in table.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if len(cells) != 3 or cells[0] in ("Who", "---"):
            continue
        of = cells[0] or of
        if not re.match(who, of):
            continue
        names = [name for name in NAMES if name in cells[1]]
        kind = next((kind for kind in ("group", "transactional-id") if kind.replace("-", " ") in cells[1]), "topic")
        words = re.findall(r"\b(READ|WRITE|DESCRIBE_CONFIGS|DESCRIBE)\b", cells[2])
        unknown = [name for name in re.findall(r"`[^`]+`", cells[1]) if name not in NAMES]
        if not names or not words or unknown or any((kind, word) not in WORDS for word in words):
            raise Failed(f"{page}: this check does not understand the row `{line}`")
        rows |= {
            (f"kafka-cluster:{action}", _kafka(kind, each)) for name in names for each in NAMES[name] for word in words for action in WORDS[kind, word]
        }
    if not rows:
        raise Failed(f"{page} lists no right of an operator")
    return rows


def _allowed(statements: list, action: str, resource: str) -> bool:
    return any(
        statement["Effect"] == "Allow"
        and action in statement["Action"]
        and any(_fits(pattern, resource) for pattern in statement["Resource"])
        for statement in statements
    )


def _fits(pattern: str, resource: str) -> bool:
    return resource.startswith(pattern[:-1]) if pattern.endswith("*") else pattern == resource
