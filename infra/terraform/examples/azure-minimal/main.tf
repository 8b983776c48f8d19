# The least on Azure: Event Hubs Standard in at_least_once, a lake, and one identity a role.
resource "azurerm_resource_group" "this" {
  name     = var.resource_group_name
  location = var.location
}

module "kafka" {
  source = "../../modules/eventhubs"

  name                          = var.eventhub_namespace
  resource_group_name           = azurerm_resource_group.this.name
  location                      = var.location
  sku                           = "Standard"
  delivery_mode                 = "at_least_once"
  public_network_access_enabled = true
  network_rulesets              = { subnet_ids = [var.subnet_id] }
  topics                        = var.topics
}

module "lake" {
  source = "../../modules/lake-blob"

  account             = var.storage_account
  resource_group_name = azurerm_resource_group.this.name
  location            = var.location
  subnet_ids          = [var.subnet_id]
}

module "identity" {
  source = "../../modules/identity-azure"

  resource_group_name      = azurerm_resource_group.this.name
  resource_group_id        = azurerm_resource_group.this.id
  location                 = var.location
  oidc_issuer_url          = var.oidc_issuer_url
  topics                   = module.kafka.topics
  hub_ids                  = module.kafka.hub_ids
  lake_container_id        = module.lake.lake_container_id
  dead_letter_container_id = module.lake.dead_letter_container_id
  principal_ids            = { for role in ["operator", "audit", "resume"] : role => var.operators }
}
