"""The checks find what they are there for: each case breaks one thing and expects to be told."""

import json
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from checks import azure_schema, azurerm, documents, hcl, needs, rights, tools

SCHEMA = azure_schema.load(azurerm.SCHEMA)


def policy(**statement) -> list:
    allow = {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": ["arn:aws:s3:::lake/prod/lake/*"], **statement}
    values = {"policy": json.dumps({"Version": "2012-10-17", "Statement": [allow]})}
    return rights.problems([("aws_iam_role_policy.this", "aws_iam_role_policy", values, [])])


def trust(statement: dict) -> list:
    values = {"assume_role_policy": json.dumps({"Statement": [{"Effect": "Allow", **statement}]})}
    return rights.problems([("aws_iam_role.this", "aws_iam_role", values, [])])


class Rights(unittest.TestCase):
    def test_what_a_role_needs_passes(self):
        self.assertEqual(policy(), [])
        prefix = "arn:aws:kafka:eu-north-1:123456789012:transactional-id/tide/0d7a-1/tidegate-validator-*"
        self.assertEqual(policy(Action=["kafka-cluster:AlterTransactionalId"], Resource=[prefix]), [])
        replays = "arn:aws:kafka:eu-north-1:123456789012:group/tide/0d7a-1/tidegate-replay-*"
        self.assertEqual(policy(Action=["kafka-cluster:AlterGroup"], Resource=[replays]), [])
        self.assertEqual(policy(Effect="Deny", Action="s3:*", Resource="*", Principal="*"), [])

    def test_wildcards_are_found(self):
        kafka = "arn:aws:kafka:eu-north-1:123456789012"
        for broken in (
            {"Action": ["*"]},
            {"Action": ["s3:*"]},
            {"Action": ["s3:Get*"]},
            {"Action": "s3:*"},
            {"Resource": ["*"]},
            {"Resource": "*"},
            {"Resource": ["arn:aws:s3:::*"]},
            {"Resource": ["arn:aws:s3:::lake*"]},
            {"Resource": ["arn:aws:s3:::lake/*/x"]},
            {"Resource": ["arn:aws:s3:::lake/pro?/*"]},
            {"Resource": [f"{kafka}:topic/tide/0d7a-1/*"]},
            {"Resource": [f"{kafka}:topic/tide/0d7a-1/orders*"]},
            {"Resource": [f"{kafka}:group/tide/0d7a-1/*"]},
            {"Resource": [f"{kafka}:group/tide/0d7a-1/tidegate-*"]},
            {"Resource": [f"{kafka}:group/tide/0d7a-1/tidegate-replay*"]},
            {"Resource": [f"{kafka}:transactional-id/tide/0d7a-1/*"]},
            {"Resource": [f"{kafka}:transactional-id/tide/*/tidegate-validator-*"]},
            {"Resource": [f"{kafka}:transactional-id/tide/0d7a-1/t-*"]},
            {"Resource": []},
            {"NotAction": ["s3:PutObject"]},
            {"NotResource": ["arn:aws:s3:::x"]},
            {"Action": ["s3:DeleteObject"]},
            {"Action": ["iam:PassRole"]},
            {"Action": ["s3:PutBucketPolicy"]},
            {"Principal": "*"},
            {"Principal": {"AWS": "*"}},
            {"Principal": {"AWS": "arn:aws:iam::123456789012:root"}},
            {"Principal": {"Service": "sns.amazonaws.com"}},
        ):
            self.assertNotEqual(policy(**broken), [], broken)

    def test_who_may_take_a_role(self):
        federated = {"Action": ["sts:AssumeRoleWithWebIdentity"], "Principal": {"Federated": "arn:aws:iam::123456789012:oidc-provider/o"}}
        one = {"o:sub": "system:serviceaccount:tidegate:tidegate-sink"}
        self.assertEqual(trust({**federated, "Condition": {"StringEquals": one}}), [])
        self.assertNotEqual(trust(federated), [])
        self.assertNotEqual(trust({**federated, "Condition": {"StringLike": {"o:sub": "system:serviceaccount:*:*"}}}), [])
        self.assertNotEqual(trust({**federated, "Condition": {"StringEquals": {"o:aud": "sts.amazonaws.com"}}}), [])
        pods = {"Action": ["sts:AssumeRole"], "Principal": {"Service": "pods.eks.amazonaws.com"}}
        self.assertNotEqual(trust({**pods, "Condition": {"StringEquals": {"aws:RequestTag/kubernetes-namespace": "tidegate"}}}), [])
        self.assertNotEqual(trust({"Action": ["sts:AssumeRole"]}), [])

    def test_what_the_plan_does_not_know_is_not_passed(self):
        self.assertNotEqual(rights.problems([("x", "aws_iam_role_policy", {}, ["policy"])]), [])
        unreadable = [("x", "aws_iam_role_policy", {"policy": "{"}, [])]
        self.assertNotEqual(rights.problems(unreadable), [])

    def test_rights_that_are_not_written_here(self):
        theirs = {"policy_arn": "arn:aws:iam::aws:policy/AdministratorAccess"}
        self.assertNotEqual(rights.problems([("x", "aws_iam_role_policy_attachment", theirs, [])]), [])
        self.assertEqual(
            rights.problems([("x", "aws_iam_role_policy_attachment", {"policy_arn": "arn:aws:iam::123456789012:policy/x"}, [])]), []
        )
        self.assertNotEqual(rights.problems([("x", "aws_iam_user_policy_attachment", {}, [])]), [])
        self.assertNotEqual(rights.problems([("x", "aws_iam_role", {"managed_policy_arns": ["arn"], "assume_role_policy": None}, [])]), [])

    def test_azure(self):
        hub = "/subscriptions/0/resourceGroups/g/providers/Microsoft.EventHub/namespaces/n/eventhubs/orders"
        good = {"role_definition_name": "Azure Event Hubs Data Sender", "scope": hub}

        def assignment(**broken):
            return rights.problems([("x", "azurerm_role_assignment", {**good, **broken}, [])])

        self.assertEqual(assignment(), [])
        self.assertNotEqual(assignment(role_definition_name="Azure Event Hubs Data Owner"), [])
        self.assertNotEqual(assignment(role_definition_name="Contributor"), [])
        self.assertNotEqual(assignment(role_definition_name="Contributor", role_definition_id="/filled/in/by/the/provider"), [])
        self.assertNotEqual(assignment(role_definition_name=None, role_definition_id="/of/somebody"), [])
        ours = ("y", "azurerm_role_definition", {"role_definition_resource_id": "/of/ours"}, [])
        given = ("x", "azurerm_role_assignment", {"role_definition_id": "/of/ours", "scope": hub}, [])
        self.assertEqual(rights.problems([ours, given]), [])
        self.assertNotEqual(assignment(scope=hub.rsplit("/", 2)[0]), [])
        self.assertNotEqual(assignment(scope="/subscriptions/0"), [])

        def definition(action, scope="/subscriptions/0/resourceGroups/g"):
            values = {"scope": scope, "permissions": [{"data_actions": [action], "actions": []}]}
            return rights.problems([("x", "azurerm_role_definition", values, [])])

        blobs = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs"
        self.assertEqual(definition(f"{blobs}/read"), [])
        self.assertNotEqual(definition(f"{blobs}/*"), [])
        self.assertNotEqual(definition(f"{blobs}/delete"), [])
        self.assertNotEqual(definition(f"{blobs}/read", "/subscriptions/0"), [])

    def test_plans_and_states_are_read(self):
        change = {
            "address": "m.x",
            "type": "aws_iam_role_policy",
            "change": {"after": {"role": "r"}, "after_unknown": {"policy": True, "id": True}},
        }
        self.assertEqual(len(rights.problems(rights.of_plan({"resource_changes": [change]}))), 1)
        resource = {
            "address": "x",
            "mode": "managed",
            "type": "aws_iam_role_policy",
            "values": {"policy": '{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}'},
        }
        state = {"values": {"root_module": {"child_modules": [{"resources": [resource]}]}}}
        self.assertEqual(len(rights.problems(rights.of_state(state))), 2)


class Needs(unittest.TestCase):
    def test_too_little_and_too_much_are_found(self):
        def rows(**statements):
            made = {
                role: [{"Effect": "Allow", "Action": [action], "Resource": [resource]} for action, resource in needs.NEEDS[role]]
                for role in needs.NEEDS
            }
            # What an operator needs is an example of what is listed, by prefix in one place.
            listed = [{"Effect": "Allow", "Action": [action], "Resource": [resource]} for action, resource in needs.listed()]
            made["operator"] = listed + [
                one for one in made["operator"] if ":topic/" not in one["Resource"][0] and not needs._allowed(listed, one["Action"][0], one["Resource"][0])
            ]
            made.update(statements)
            return [
                (f'module.by_pod_identity.x["{role}"]', "aws_iam_role_policy", {"policy": json.dumps({"Statement": made[role]})}, [])
                for role in made
            ]

        self.assertEqual(needs.problems(rows()), [])
        self.assertEqual(len(needs.problems(rows()[1:])), 1)
        self.assertEqual(len(needs.problems(rows(lag=[]))), len(needs.NEEDS["lag"]))

        allowed = [{"Effect": "Allow", "Action": [action], "Resource": [resource]} for action, resource in needs.listed()]
        self.assertEqual(needs.told(allowed), [])
        self.assertEqual(len(needs.told(allowed[1:])), 1)
        source = needs._write("orders")[1:]
        self.assertEqual(len(needs.told(allowed + [{"Effect": "Allow", "Action": [action], "Resource": [of]} for action, of in source])), 1)
        for row in ("| replay | topic `T.other` | READ |", "| replay | topics `T` | ALTER |", "| replay | topics `T`, `T.other` | READ |", "| sink | topic `T` | READ |"):
            with self.assertRaises(tools.Failed):
                needs.of_table("x.md", row, "replay")

        everything = [
            {"Effect": "Allow", "Action": [action], "Resource": ["*"]} for action, _ in needs.NEEDS["sink"] + needs.REFUSED["sink"]
        ]
        self.assertEqual(len(needs.problems(rows(sink=everything))), len(needs.REFUSED["sink"]))


class AzureSchema(unittest.TestCase):
    """Every case changes one of our own files, which are right before that."""

    def broken(self, module: str, old: str, new: str) -> list:
        with tempfile.TemporaryDirectory() as folder:
            shutil.copytree(tools.ROOT / "modules" / module, folder, dirs_exist_ok=True)
            path = Path(folder) / "main.tf"
            text = path.read_text()
            self.assertIn(old, text)
            self.assertEqual(azure_schema.problems(Path(folder), SCHEMA), [])
            path.write_text(text.replace(old, new, 1))
            return azure_schema.problems(Path(folder), SCHEMA)

    def test_each_fault_is_found(self):
        for module, old, new, told in (
            ("lake-blob", "min_tls_version ", "minimum_tls ", "has no argument minimum_tls"),
            (
                "lake-blob",
                "    versioning_enabled = true",
                "    versionning_enabled = true",
                "has no argument versionning_enabled; versioning_enabled?",
            ),
            ("lake-blob", '  container_access_type = "private"', '  container_acces_type = "private"', "container_acces_type"),
            ("lake-blob", "  resource_group_name               = var.resource_group_name\n", "", "needs resource_group_name"),
            ("lake-blob", "  blob_properties {", "  blobs_properties {", "has no block blobs_properties; blob_properties?"),
            ("lake-blob", "  network_rules {", "  network_rules = {", "is a block"),
            ("lake-blob", 'resource "azurerm_storage_account"', 'resource "azurerm_storage_acount"', "azurerm_storage_acount"),
            ("lake-blob", "azurerm_storage_account.this.id", "azurerm_storage_account.this.ident", "has no attribute ident"),
            ("lake-blob", "versioning_enabled = true", 'versioning_enabled = "yes"', "is a bool"),
            ("lake-blob", 'bypass                     = ["None"]', 'bypass = "None"', "is a set"),
            (
                "lake-blob",
                '  rule {\n    name    = "old-versions"',
                '  rule {\n    id = 1\n    name    = "old-versions"',
                "has no argument id",
            ),
            ("eventhubs", "  partition_count = each.value.partitions\n", "", "needs partition_count"),
            ("eventhubs", "  retention_description {", "  retention_description {\n    cleanup = 1", "has no argument cleanup"),
            ("eventhubs", "  private_service_connection {", "  private_dns_zone_groups {", "has no block private_dns_zone_groups"),
            ("eventhubs", "namespace_id    = local.namespace_id", "namespace_name = local.namespace_id", "has no argument namespace_name"),
            ("identity-azure", "  user_assigned_identity_id = ", "  parent_id = ", "has no argument parent_id"),
            ("identity-azure", 'principal_type       = "ServicePrincipal"', "id_x = 1", "has no argument id_x"),
        ):
            self.assertIn(told, "\n".join(self.broken(module, old, new)), (module, new))

    def test_what_the_provider_sets_cannot_be_given(self):
        found = self.broken("identity-azure", "  location            = var.location", "  location = var.location\n  client_id = 1")
        self.assertIn("set by the provider", "\n".join(found))


class Documents(unittest.TestCase):
    def test_a_stale_or_missing_page_is_found(self):
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            shutil.copytree(tools.ROOT / "modules" / "topics", root / "modules" / "topics")
            self.assertEqual(documents.check(root), [])
            variables = root / "modules" / "topics" / "variables.tf"
            text = variables.read_text()
            variables.write_text(text + '\nvariable "more" {\n  description = "More."\n  type        = bool\n}\n')
            self.assertIn("is older", documents.check(root)[0])
            documents.write(root)
            self.assertEqual(documents.check(root), [])
            variables.write_text(text + '\nvariable "more" {\n}\n')
            self.assertIn("has no description", "\n".join(documents.check(root)))
            (root / "modules" / "topics" / "README.md").unlink()
            self.assertIn("is missing", documents.check(root)[0])


class Hcl(unittest.TestCase):
    def test_shape(self):
        whole = hcl.parse(
            '# a\nx = { a = "}" } # b\ny = <<-EOT\n    one {\n      two\n  EOT\n'
            'resource "a" "b" {\n  for_each = { for k, v in x : "${k}-${"}"}" => v }\n  rule {}\n  /* c */\n}\n'
        )
        self.assertEqual(whole.attributes["x"].value, '{ a = "}" }')
        self.assertEqual(hcl.text_of(whole.attributes["y"].value), "one {\n  two")
        self.assertEqual(whole.blocks[0].labels, ["a", "b"])
        self.assertEqual([block.kind for block in whole.blocks[0].blocks], ["rule"])

    def test_what_it_cannot_read_is_an_error(self):
        for text in ("x = {", 'x = "a', "a {", "}", "x = <<EOT\n", "x = 1\nx = 2", "1 = 2"):
            with self.assertRaises(hcl.Unreadable, msg=text):
                hcl.parse(text)

    def test_texts(self):
        self.assertEqual(hcl.text_of('"a \\"b\\" c"'), 'a "b" c')
        self.assertIsNone(hcl.text_of('"a ${b}"'))
        self.assertIsNone(hcl.text_of("b"))

    def test_every_file_of_ours_is_read_whole(self):
        for path in tools.ROOT.rglob("*.tf"):
            blocks = hcl.read(path).blocks
            starts = re.findall(r"^(?:resource|data|module|variable|output|locals|terraform|provider)\b", path.read_text(), re.M)
            self.assertEqual(len(blocks), len(starts), path)


class Missing(unittest.TestCase):
    def test_a_missing_tool_is_told_and_under_ci_it_fails(self):
        script = Path(__file__).resolve().parent / "check.py"
        for name, ci, code, word in (
            ("format", "", 0, "SKIPPED"),
            ("format", "true", 1, "FAILED"),
            ("aws", "true", 1, "FAILED"),
            ("azure", "true", 0, "SKIPPED"),
        ):
            answer = subprocess.run(
                [sys.executable, script, name], env={"PATH": "", "HOME": "/nonexistent", "CI": ci}, capture_output=True, text=True
            )
            self.assertEqual(answer.returncode, code, answer)
            self.assertRegex(answer.stdout, f"terraform {name}: {word} .*terraform .* is not on the PATH")


if __name__ == "__main__":
    unittest.main()
