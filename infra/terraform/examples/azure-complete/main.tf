# Everything on Azure: Event Hubs Premium in exactly_once (a preview of Azure's), private endpoints, a lake, identities, alerts.
locals {
  # Replays send to it and validators read it; its name stands in Tidegate's config, too.
  retry_topic = "{topic}.retry"

  zones = { kafka = "privatelink.servicebus.windows.net", blob = "privatelink.blob.core.windows.net" }
}

resource "azurerm_resource_group" "this" {
  name     = var.resource_group_name
  location = var.location
}

resource "azurerm_private_dns_zone" "this" {
  for_each = local.zones

  name                = each.value
  resource_group_name = azurerm_resource_group.this.name
}

resource "azurerm_private_dns_zone_virtual_network_link" "this" {
  for_each = local.zones

  name                = "tidegate-${each.key}"
  private_dns_zone_id = azurerm_private_dns_zone.this[each.key].id
  virtual_network_id  = var.virtual_network_id
}

module "kafka" {
  source = "../../modules/eventhubs"

  name                = var.eventhub_namespace
  resource_group_name = azurerm_resource_group.this.name
  location            = var.location
  sku                 = "Premium"
  capacity            = 1
  delivery_mode       = "exactly_once"
  topics              = var.topics
  retry_topic         = local.retry_topic

  private_endpoint = {
    subnet_id            = var.endpoint_subnet_id
    private_dns_zone_ids = [azurerm_private_dns_zone.this["kafka"].id]
  }
}

module "lake" {
  source = "../../modules/lake-blob"

  account             = var.storage_account
  resource_group_name = azurerm_resource_group.this.name
  location            = var.location
  prefix              = "prod"
  version_days        = 60
  dead_letter_days    = 30
  cool_after_days     = 90

  private_endpoint = {
    subnet_id            = var.endpoint_subnet_id
    private_dns_zone_ids = [azurerm_private_dns_zone.this["blob"].id]
  }
}

module "identity" {
  source = "../../modules/identity-azure"

  resource_group_name              = azurerm_resource_group.this.name
  resource_group_id                = azurerm_resource_group.this.id
  location                         = var.location
  oidc_issuer_url                  = var.oidc_issuer_url
  topics                           = module.kafka.topics
  hub_ids                          = module.kafka.hub_ids
  lake_container_id                = module.lake.lake_container_id
  dead_letter_container_id         = module.lake.dead_letter_container_id
  dead_letter_reader_principal_ids = var.dead_letter_readers
  principal_ids                    = { for role in ["operator", "audit", "resume"] : role => var.operators }
  sla_history                      = true
}

module "alerts" {
  source = "../../modules/alerts/azure"

  resource_group_name  = azurerm_resource_group.this.name
  location             = var.location
  rules                = { for file in fileset(var.rules_folder, "*.yaml") : trimsuffix(file, ".yaml") => file("${var.rules_folder}/${file}") }
  monitor_workspace_id = var.monitor_workspace_id
  eventhub_namespace   = { id = module.kafka.namespace_id }

  receivers = {
    pager   = { severity = "page", webhook = var.pager_url }
    tickets = { severity = "ticket", email = var.ticket_email }
  }
}
