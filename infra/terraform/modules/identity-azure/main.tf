# One managed identity for each role of Tidegate, trusted by one service account of one cluster, with rights on single hubs and containers.
locals {
  # Names of role definitions are unique in the whole tenant.
  group      = basename(var.resource_group_id)
  namespaces = { for role, account in var.roles : role => coalesce(account.namespace, var.namespace) }
  internal   = { probe = compact([var.topics.probe]), group_state = compact([var.topics.group_state]) }

  # Role → hubs it reads and hubs it writes. Where its group has no position the validator looks whether outcome hubs hold outcomes.
  reads = {
    validator = concat(var.topics.sources, var.topics.retry, var.topics.validated, var.topics.dead_letter, local.internal.probe)
    sink      = var.topics.validated
    audit     = concat(var.topics.sources, var.topics.retry, var.topics.validated, var.topics.dead_letter)
    # A source, since a dead letter may have left its value there.
    operator = concat(var.topics.dead_letter, var.topics.validated, var.topics.retry, var.topics.parked, length(var.topics.retry) == 0 ? [] : var.topics.sources, local.internal.group_state)
    # Moves a position past what is gone, so nobody has it who only looks or sends back.
    resume = concat(var.topics.sources, var.topics.retry, var.topics.validated)
    sla    = [for hub in concat(var.topics.sources, var.topics.retry, var.topics.validated, var.topics.dead_letter) : hub if var.sla_topics]
  }
  writes = {
    validator = concat(var.topics.validated, var.topics.dead_letter, local.internal.probe)
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
      resume-appends     = { role = "resume", container = var.lake_container_id, right = "append", wanted = true }
      operator-exports   = { role = "operator", container = var.dead_letter_container_id, right = "append", wanted = true }
      validator-oversize = { role = "validator", container = var.dead_letter_container_id, right = "append", wanted = var.set_aside_oversize }
    } : key => right if right.wanted && contains(keys(var.roles), right.role)
  }
  # Who does what several roles do has what they share once: Azure refuses an assignment that is there already.
  people_hubs = { for rows in values(merge([
    for place, right in local.hub_rights : {
      for person, principal in lookup(var.principal_ids, right.role, {}) : "${person}-${place}" => { key = "${person}-${right.right}-${right.hub}", principal = principal, hub = right.hub, right = right.right }
    }
  ]...)) : rows.key => rows... }
  people_containers = { for rows in values(merge([
    for place, right in local.container_rights : {
      for person, principal in lookup(var.principal_ids, right.role, {}) : "${person}-${place}" => { key = "${person}-${right.right}-${basename(right.container)}", principal = principal, container = right.container, right = right.right }
    }
  ]...)) : rows.key => rows... }
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

# People who may do what a role does: its assignments once more, since nobody takes a managed identity.
resource "azurerm_role_assignment" "people_hubs" {
  for_each = local.people_hubs

  scope                = var.hub_ids[each.value[0].hub]
  role_definition_name = each.value[0].right
  principal_id         = each.value[0].principal
}

resource "azurerm_role_assignment" "people_containers" {
  for_each = local.people_containers

  scope              = each.value[0].container
  role_definition_id = local.definitions[each.value[0].right]
  principal_id       = each.value[0].principal
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
