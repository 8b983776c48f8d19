# One managed identity for each role of Tidegate, trusted by one service account of one cluster, with rights on single hubs and containers.
locals {
  # Names of role definitions are unique in the whole tenant.
  group      = basename(var.resource_group_id)
  namespaces = { for role, account in var.roles : role => coalesce(account.namespace, var.namespace) }
  internal   = { probe = compact([var.topics.probe]), group_state = compact([var.topics.group_state]), summary = compact([var.topics.summary]) }

  # Role → hubs it reads and hubs it writes. Where its group has no position the validator looks whether outcome hubs hold outcomes.
  reads = {
    validator = concat(var.topics.sources, var.topics.retry, var.topics.validated, var.topics.dead_letter, local.internal.probe)
    sink      = var.topics.validated
    audit     = concat(var.topics.sources, var.topics.retry, var.topics.validated, var.topics.dead_letter, local.internal.summary)
    operator  = concat(var.topics.dead_letter, var.topics.validated, var.topics.retry, var.topics.parked, local.internal.group_state, local.internal.summary)
    sla       = [for hub in concat(var.topics.sources, var.topics.retry, var.topics.validated, var.topics.dead_letter) : hub if var.sla_topics]
  }
  writes = {
    validator = concat(var.topics.validated, var.topics.dead_letter, local.internal.probe, local.internal.summary)
    # Replays send to the retry hub, put aside in the parked one, and look in both for what was sent before.
    operator = concat(var.topics.retry, var.topics.parked, local.internal.group_state)
  }

  # Built-in roles, since Kafka's own calls are checked against these two; never Data Owner.
  hub_rights = merge([
    for role in keys(var.roles) : merge(
      { for hub in lookup(local.reads, role, []) : "${role}-reads-${hub}" => { role = role, hub = hub, right = "Azure Event Hubs Data Receiver" } },
      { for hub in lookup(local.writes, role, []) : "${role}-writes-${hub}" => { role = role, hub = hub, right = "Azure Event Hubs Data Sender" } },
    )
  ]...)

  # Role → container → read or append.
  container_rights = {
    for key, right in {
      sink-appends       = { role = "sink", container = var.lake_container_id, right = "append", wanted = true }
      sla-reads          = { role = "sla", container = var.lake_container_id, right = var.sla_history ? "append" : "read", wanted = true }
      audit-reads        = { role = "audit", container = var.lake_container_id, right = "read", wanted = true }
      operator-exports   = { role = "operator", container = var.dead_letter_container_id, right = "append", wanted = true }
      validator-oversize = { role = "validator", container = var.dead_letter_container_id, right = "append", wanted = var.set_aside_oversize }
    } : key => right if right.wanted && contains(keys(var.roles), right.role)
  }
  definitions = {
    read   = azurerm_role_definition.read.role_definition_resource_id
    append = azurerm_role_definition.append.role_definition_resource_id
  }

  reader_hubs = merge([
    for reader, principal in var.dead_letter_reader_principal_ids : { for hub in var.topics.dead_letter : "${reader}-${hub}" => { principal = principal, hub = hub } }
  ]...)
}

resource "azurerm_user_assigned_identity" "this" {
  for_each = var.roles

  name                = "${var.name}-${each.key}"
  resource_group_name = var.resource_group_name
  location            = var.location
  tags                = var.tags
}

resource "azurerm_federated_identity_credential" "this" {
  for_each = var.roles

  name                      = "${var.name}-${each.key}"
  user_assigned_identity_id = azurerm_user_assigned_identity.this[each.key].id
  issuer                    = var.oidc_issuer_url
  subject                   = "system:serviceaccount:${local.namespaces[each.key]}:${each.value.service_account}"
  audience                  = ["api://AzureADTokenExchange"]
}

# The built-in roles for blobs are not used: the one that writes deletes, too.
resource "azurerm_role_definition" "read" {
  name              = "${var.name} reads blobs in ${local.group}"
  scope             = var.resource_group_id
  assignable_scopes = [var.resource_group_id]

  permissions {
    actions      = ["Microsoft.Storage/storageAccounts/blobServices/containers/read"]
    data_actions = ["Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read"]
  }
}

resource "azurerm_role_definition" "append" {
  name              = "${var.name} reads and appends blobs in ${local.group}"
  scope             = var.resource_group_id
  assignable_scopes = [var.resource_group_id]

  permissions {
    actions = ["Microsoft.Storage/storageAccounts/blobServices/containers/read"]
    data_actions = [
      "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/add/action",
      "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read",
      "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/write",
    ]
  }
}

resource "azurerm_role_assignment" "hubs" {
  for_each = local.hub_rights

  scope                = var.hub_ids[each.value.hub]
  role_definition_name = each.value.right
  principal_id         = azurerm_user_assigned_identity.this[each.value.role].principal_id
  principal_type       = "ServicePrincipal"
}

resource "azurerm_role_assignment" "containers" {
  for_each = local.container_rights

  scope              = each.value.container
  role_definition_id = local.definitions[each.value.right]
  principal_id       = azurerm_user_assigned_identity.this[each.value.role].principal_id
  principal_type     = "ServicePrincipal"
}

resource "azurerm_role_assignment" "reader_hubs" {
  for_each = local.reader_hubs

  scope                = var.hub_ids[each.value.hub]
  role_definition_name = "Azure Event Hubs Data Receiver"
  principal_id         = each.value.principal
}

resource "azurerm_role_assignment" "reader_container" {
  for_each = var.dead_letter_reader_principal_ids

  scope              = var.dead_letter_container_id
  role_definition_id = local.definitions.read
  principal_id       = each.value
}
