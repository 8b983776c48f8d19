"""Reads the rights out of a plan or a state and says what is too much.

Too much is: a star in an action, a resource or a principal of an Allow; whatever gives rights by naming what is left out; a role that
anybody in an account or cluster may take; policies of AWS's own, whose text is not ours; and a policy that the plan does not know, since
nobody can judge it. A star may only end what must be open at its end: objects below a bucket or folder, transactional ids, which end
in a part that each worker makes up, and groups of replays, which end in the replay's id.
"""

import json
import re

#: Where AWS resources hold a policy.
POLICIES = {
    "aws_iam_role_policy": ["policy"],
    "aws_iam_policy": ["policy"],
    "aws_iam_user_policy": ["policy"],
    "aws_iam_group_policy": ["policy"],
    "aws_iam_role": ["assume_role_policy"],
    "aws_s3_bucket_policy": ["policy"],
    "aws_sns_topic_policy": ["policy"],
    "aws_sqs_queue_policy": ["policy"],
    "aws_kms_key_policy": ["policy"],
    "aws_msk_cluster_policy": ["policy"],
    "aws_secretsmanager_secret_policy": ["policy"],
}
FORBIDDEN = re.compile(r"^aws_iam_((user|group)_)?policy_attachment$|^aws_iam_(user|access_key|group)$")
OWN_POLICY = re.compile(r"^arn:[a-z-]+:iam::[0-9]{12}:policy/")
OPEN_ENDS = [
    re.compile(r"^arn:[a-z-]+:s3:::[a-z0-9.-]+/([^*?]+/)?\*$"),
    re.compile(r"^arn:[a-z-]+:kafka:[a-z0-9-]+:[0-9]{12}:transactional-id/[^*?/]+/[^*?/]+/[^*?/]{8,}-\*$"),
    # A replay's group ends in its id; groups of other roles have full names.
    re.compile(r"^arn:[a-z-]+:kafka:[a-z0-9-]+:[0-9]{12}:group/[^*?/]+/[^*?/]+/[^*?/]*replay-\*$"),
]
ACTION = re.compile(r"^[a-z0-9-]+:[A-Za-z0-9]+$")
NEVER = re.compile(r"^(iam|organizations|sts):|:(Delete|Put\w*Policy|PutBucket|Create(Role|User|Key)|Disable|ScheduleKeyDeletion)")
TRUST_ACTIONS = {"sts:AssumeRole", "sts:AssumeRoleWithWebIdentity", "sts:TagSession"}
BUILT_IN = {"Azure Event Hubs Data Receiver", "Azure Event Hubs Data Sender"}
AZURE_SCOPE = re.compile(r"/eventhubs/[^/*]+$|/blobServices/default/containers/[^/*]+$")


def of_plan(plan: dict) -> list:
    """(address, type, values, names of values that are not known yet) of everything that a plan makes or changes."""
    rows = []
    for change in plan.get("resource_changes", []):
        after = change["change"].get("after")
        if after is not None:
            unknown = [name for name, value in (change["change"].get("after_unknown") or {}).items() if value is True]
            rows.append((change["address"], change["type"], after, unknown))
    return rows


def of_state(state: dict) -> list:
    """The same of a state."""
    rows, open_modules = [], [state["values"]["root_module"]] if state.get("values") else []
    while open_modules:
        module = open_modules.pop()
        rows += [(r["address"], r["type"], r["values"], []) for r in module.get("resources", []) if r["mode"] == "managed"]
        open_modules += module.get("child_modules", [])
    return sorted(rows, key=lambda row: row[0])


def problems(rows: list) -> list:
    found = []
    own = {values.get("role_definition_resource_id") for _, kind, values, _ in rows if kind == "azurerm_role_definition"} - {None}
    for address, kind, values, unknown in rows:
        if FORBIDDEN.match(kind):
            found.append(f"{address}: {kind} gives rights that are not written here; write them into the role's own policy")
        if (
            kind == "aws_iam_role_policy_attachment"
            and "policy_arn" not in unknown
            and not OWN_POLICY.match(values.get("policy_arn") or "")
        ):
            found.append(f"{address}: `{values.get('policy_arn')}` is not a policy of this account, so its text is not judged here")
        if kind == "aws_iam_role" and (values.get("managed_policy_arns") or values.get("inline_policy")):
            found.append(f"{address}: managed or inline policies of the role itself; use aws_iam_role_policy")
        for name in POLICIES.get(kind, []):
            if name in unknown:
                found.append(f"{address}.{name}: the plan does not know it, so nobody can judge it")
            elif values.get(name) is not None:
                found += [f"{address}: {problem}" for problem in _policy(values[name], trust=name == "assume_role_policy")]
        if kind in ("aws_kms_key", "aws_s3_bucket", "aws_sns_topic") and isinstance(values.get("policy"), str) and "policy" not in unknown:
            if kind == "aws_kms_key" and _is_default_key_policy(values["policy"]):
                continue
            if kind == "aws_kms_key":
                found += [f"{address}: {problem}" for problem in _policy(values["policy"], trust=False)]
        found += _azure(address, kind, values, unknown, own)
    return found


def table(rows: list) -> list:
    """(role, action, resource) of every Allow in the policies of roles, sorted."""
    found = set()
    for address, kind, values, _ in rows:
        if kind == "aws_iam_role_policy":
            for statement in _list(json.loads(values["policy"])["Statement"]):
                for action in _list(statement["Action"]):
                    found |= {(address, action, resource) for resource in _list(statement["Resource"])}
    return sorted(found)


def _policy(text: str, trust: bool) -> list:
    try:
        statements = _list(json.loads(text)["Statement"])
    except (ValueError, KeyError, TypeError) as error:
        return [f"the policy cannot be read: {error}"]
    found = []
    for statement in statements:
        if statement.get("Effect") == "Deny":
            continue
        name = statement.get("Sid", "a statement without a name")
        found += [
            f"{name}: {word} gives everything that it does not name"
            for word in ("NotAction", "NotResource", "NotPrincipal")
            if word in statement
        ]
        for action in _list(statement.get("Action", [])):
            if not ACTION.match(action):
                found.append(f"{name}: the action `{action}` is not one single action")
            elif trust and action not in TRUST_ACTIONS:
                found.append(f"{name}: the action `{action}` has no place in a trust policy")
            elif not trust and NEVER.search(action):
                found.append(f"{name}: no role of Tidegate needs `{action}`")
        resources = _list(statement.get("Resource", []))
        if not trust and not resources and "NotResource" not in statement:
            found.append(f"{name}: no resource is named")
        for resource in resources:
            if re.search(r"[*?]", resource) and not any(end.match(resource) for end in OPEN_ENDS):
                found.append(f"{name}: the resource `{resource}` is a wildcard")
        found += [f"{name}: {problem}" for problem in _principal(statement.get("Principal"), statement.get("Condition"), trust)]
    return found


def _principal(principal, condition, trust: bool) -> list:
    if principal is None:
        return ["a trust policy without a principal"] if trust else []
    if not isinstance(principal, dict):
        return [f"the principal `{principal}` is everybody"]
    found = []
    for kind, names in principal.items():
        for name in _list(names):
            if re.search(r"[*?]", name) or name.endswith(":root") or re.fullmatch(r"[0-9]{12}", name):
                found.append(f"the principal `{name}` is more than one identity")
        if kind in ("Federated", "Service") and not condition:
            found.append(f"{kind} without a condition: everybody behind it could take the right")
    if trust and "Federated" in principal:
        subjects = [value for name, value in (condition or {}).get("StringEquals", {}).items() if name.endswith(":sub")]
        if not subjects or any(re.search(r"[*?]", subject) for subject in _list(subjects[0])):
            found.append("the subject of the token is not one service account (StringEquals on :sub)")
    if trust and "Service" in principal:
        keys = set((condition or {}).get("StringEquals", {}))
        missing = {
            "aws:RequestTag/eks-cluster-arn",
            "aws:RequestTag/kubernetes-namespace",
            "aws:RequestTag/kubernetes-service-account",
        } - keys
        if missing:
            found.append(f"the trust does not say {', '.join(sorted(missing))}")
    return found


def _azure(address, kind, values, unknown, own) -> list:
    found = []
    if kind == "azurerm_role_assignment":
        role, scope = values.get("role_definition_name"), values.get("scope") or ""
        # The provider fills in whichever of name and id was not given.
        if role not in BUILT_IN and values.get("role_definition_id") not in own:
            allowed = ", ".join(sorted(BUILT_IN))
            found.append(f"{address}: the role `{role}` is neither one of {allowed} nor defined here")
        if "scope" not in unknown and not AZURE_SCOPE.search(scope):
            found.append(f"{address}: the scope `{scope}` is wider than one hub or container")
    if kind == "azurerm_role_definition":
        for permission in values.get("permissions") or []:
            for name in ("actions", "data_actions"):
                for action in permission.get(name) or []:
                    if "*" in action:
                        found.append(f"{address}: `{action}` is a wildcard")
                    if re.search(r"/(delete|deleteBlobVersion|move|manageOwnership|modifyPermissions|runAsSuperUser)(/action)?$", action):
                        found.append(f"{address}: no role of Tidegate needs `{action}`")
        for scope in [values.get("scope"), *(values.get("assignable_scopes") or [])]:
            if scope and not re.search(r"/resourceGroups/[^/*]+$", scope):
                found.append(f"{address}: the definition reaches `{scope}`, more than one resource group")
    return found


def _is_default_key_policy(text: str) -> bool:
    """What AWS writes where nobody gives a key policy: the account decides by IAM."""
    statements = _list(json.loads(text).get("Statement", []))
    return len(statements) == 1 and str(statements[0].get("Principal", {}).get("AWS", "")).endswith(":root")


def _list(value) -> list:
    return value if isinstance(value, list) else [value]
