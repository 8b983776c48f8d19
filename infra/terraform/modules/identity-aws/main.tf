# One IAM role for each role of Tidegate, trusted by one service account of one cluster, with the rights of `kafka.tf` and `store.tf`.
locals {
  namespaces = { for role, account in var.roles : role => coalesce(account.namespace, var.namespace) }

  reader = length(var.dead_letter_reader_principals) > 0 ? ["dead_letter_reader"] : []

  statements = {
    for role in concat(keys(var.roles), local.reader) : role => concat(
      lookup(local.kafka_statements, role, []),
      [for statement in lookup(local.lake_statements, role, []) : statement],
      [for statement in lookup(local.dead_letter_statements, role, []) : statement],
      [for statement in lookup(local.secret_statements, role, []) : statement],
    )
  }

  # A role takes 10,240 characters of its own and ten policies beside. Long lists of topics go into those, in pieces that fit.
  piece_size = 35
  own        = { for role, statements in local.statements : role => [for statement in statements : statement if length(statement.Resource) <= local.piece_size] }
  pieces = merge([
    for role, statements in local.statements : {
      for number, piece in flatten([
        for statement in statements : [
          for part in chunklist(statement.Resource, local.piece_size) : merge(statement, { Resource = part })
        ] if length(statement.Resource) > local.piece_size
      ]) : "${role}-${number}" => { role = role, statement = piece }
    }
  ]...)

  issuer = var.oidc_provider_arn == null ? "" : split(":oidc-provider/", var.oidc_provider_arn)[1]

  trust = {
    for role, account in var.roles : role => jsonencode({
      Version = "2012-10-17"
      Statement = concat(
        [local.trust_of_pods[role]],
        length(lookup(var.principals, role, [])) == 0 ? [] : [
          { Effect = "Allow", Action = ["sts:AssumeRole"], Principal = { AWS = var.principals[role] } },
        ],
      )
    })
  }
  trust_of_pods = {
    for role, account in var.roles : role => {
      Effect    = "Allow"
      Action    = var.method == "irsa" ? ["sts:AssumeRoleWithWebIdentity"] : ["sts:AssumeRole", "sts:TagSession"]
      Principal = var.method == "irsa" ? { Federated = var.oidc_provider_arn } : { Service = "pods.eks.amazonaws.com" }
      Condition = {
        # Else every cluster of the account could hand the role to its pods.
        StringEquals = var.method == "irsa" ? {
          "${local.issuer}:aud" = "sts.amazonaws.com"
          "${local.issuer}:sub" = "system:serviceaccount:${local.namespaces[role]}:${account.service_account}"
          } : {
          "aws:RequestTag/eks-cluster-arn"            = var.eks_cluster.arn
          "aws:RequestTag/kubernetes-namespace"       = local.namespaces[role]
          "aws:RequestTag/kubernetes-service-account" = account.service_account
        }
      }
    }
  }
}

resource "aws_iam_role" "this" {
  for_each = var.roles

  name                 = "${var.name}-${each.key}"
  description          = "Tidegate ${each.key}, service account ${local.namespaces[each.key]}/${each.value.service_account}"
  assume_role_policy   = local.trust[each.key]
  permissions_boundary = var.permissions_boundary
  tags                 = var.tags
}

resource "aws_iam_role" "dead_letter_reader" {
  count = length(local.reader)

  name                 = "${var.name}-dead-letter-reader"
  description          = "Reads dead letters of Tidegate, which hold data outside of its contract"
  max_session_duration = 3600
  permissions_boundary = var.permissions_boundary
  tags                 = var.tags
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = ["sts:AssumeRole"], Principal = { AWS = var.dead_letter_reader_principals } }]
  })
}

resource "aws_iam_role_policy" "this" {
  for_each = { for role, statements in local.own : role => statements if length(statements) > 0 }

  name   = "tidegate"
  role   = each.key == "dead_letter_reader" ? aws_iam_role.dead_letter_reader[0].id : aws_iam_role.this[each.key].id
  policy = jsonencode({ Version = "2012-10-17", Statement = each.value })

  lifecycle {
    precondition {
      condition     = length(jsonencode({ Version = "2012-10-17", Statement = each.value })) <= 10240
      error_message = "The rights of ${each.key} take more than the 10,240 characters that IAM allows a role: the names of topics, buckets and secrets are very long."
    }
    precondition {
      condition     = length([for piece in values(local.pieces) : piece if piece.role == each.key]) <= 10
      error_message = "The rights of ${each.key} take more than ten policies, which is all that IAM attaches to a role: each topic is named in full. Let sources share one dead-letter topic, or split the topics over two deployments with a group and roles of their own."
    }
  }
}

resource "aws_iam_policy" "this" {
  for_each = local.pieces

  name        = "${var.name}-${each.key}"
  description = "Tidegate ${each.value.role}: topics that do not fit into the role's own policy"
  policy      = jsonencode({ Version = "2012-10-17", Statement = [each.value.statement] })
  tags        = var.tags

  lifecycle {
    precondition {
      condition     = length(jsonencode({ Version = "2012-10-17", Statement = [each.value.statement] })) <= 6144
      error_message = "${local.piece_size} topics take more than the 6,144 characters of a policy: their names, or the cluster's, are very long."
    }
  }
}

resource "aws_iam_role_policy_attachment" "this" {
  for_each = local.pieces

  role       = each.value.role == "dead_letter_reader" ? aws_iam_role.dead_letter_reader[0].name : aws_iam_role.this[each.value.role].name
  policy_arn = aws_iam_policy.this[each.key].arn
}

resource "aws_eks_pod_identity_association" "this" {
  for_each = var.method == "pod_identity" ? var.roles : {}

  cluster_name    = var.eks_cluster.name
  namespace       = local.namespaces[each.key]
  service_account = each.value.service_account
  role_arn        = aws_iam_role.this[each.key].arn
  tags            = var.tags
}
