# Kafka by Azure Event Hubs: a namespace, or one that is there, and a hub for each topic. What the tier cannot carry fails in the plan.
locals {
  is_new = var.existing == null
  sku    = local.is_new ? var.sku : data.azurerm_eventhub_namespace.existing[0].sku
  tier = (
    (local.is_new ? var.dedicated_cluster_id != null : var.existing.dedicated) ? "Dedicated" : local.sku
  )
  namespace_id   = local.is_new ? azurerm_eventhub_namespace.this[0].id : data.azurerm_eventhub_namespace.existing[0].id
  namespace_name = local.is_new ? azurerm_eventhub_namespace.this[0].name : var.existing.name
  units          = local.is_new ? var.capacity : data.azurerm_eventhub_namespace.existing[0].capacity

  # Hubs a namespace, partitions a hub, hours of retention, by tier.
  limits = {
    Basic     = { hubs = 0, partitions = 0, hours = 0 }
    Standard  = { hubs = 10, partitions = 32, hours = 168 }
    Premium   = { hubs = 100 * local.units, partitions = 100, hours = 2160 }
    Dedicated = { hubs = 1000, partitions = 1024, hours = 2160 }
  }
  limit = local.limits[local.tier]

  hubs  = { for name, topic in module.topics.all : name => topic if var.make_sources || topic.kind != "source" }
  count = length(module.topics.all) + var.other_hubs
}

data "azurerm_eventhub_namespace" "existing" {
  count = local.is_new ? 0 : 1

  name                = var.existing.name
  resource_group_name = var.existing.resource_group_name

  lifecycle {
    postcondition {
      condition     = self.sku != "Basic"
      error_message = "The namespace ${var.existing.name} is of the tier Basic, which has no Kafka endpoint."
    }
    postcondition {
      condition     = var.delivery_mode == "at_least_once" || self.sku == "Premium" || var.existing.dedicated
      error_message = "The namespace ${var.existing.name} is of the tier ${self.sku}. exactly_once needs Kafka transactions, which Event Hubs has in Premium and Dedicated only (as a preview): take delivery_mode = \"at_least_once\", or say existing.dedicated = true if it lies in a dedicated cluster."
    }
  }
}

module "topics" {
  source = "../topics"

  topics            = var.topics
  validated_topic   = var.validated_topic
  dead_letter_topic = var.dead_letter_topic
  retry_topic       = var.retry_topic
  parked_topic      = var.parked_topic
  probe_topic       = var.delivery_mode == "exactly_once" ? var.probe_topic : null
  group_state_topic = var.group_state_topic
}

resource "azurerm_eventhub_namespace" "this" {
  count = local.is_new ? 1 : 0

  name                          = var.name
  resource_group_name           = var.resource_group_name
  location                      = var.location
  sku                           = var.sku
  capacity                      = var.capacity
  dedicated_cluster_id          = var.dedicated_cluster_id
  auto_inflate_enabled          = var.maximum_throughput_units != null
  maximum_throughput_units      = var.maximum_throughput_units
  local_authentication_enabled  = var.local_authentication_enabled
  public_network_access_enabled = var.public_network_access_enabled
  minimum_tls_version           = "1.2"
  tags                          = var.tags

  network_rulesets = var.network_rulesets == null ? null : [{
    default_action                 = "Deny"
    public_network_access_enabled  = true
    trusted_service_access_enabled = false
    ip_rule                        = [for mask in var.network_rulesets.ip_masks : { action = "Allow", ip_mask = mask }]
    virtual_network_rule = [
      for subnet in var.network_rulesets.subnet_ids : { subnet_id = subnet, ignore_missing_virtual_network_service_endpoint = false }
    ]
  }]
}

resource "azurerm_eventhub" "this" {
  for_each = local.hubs

  name            = each.key
  namespace_id    = local.namespace_id
  partition_count = each.value.partitions

  retention_description {
    cleanup_policy                    = each.value.cleanup_policy == "compact" ? "Compact" : "Delete"
    retention_time_in_hours           = each.value.cleanup_policy == "compact" ? null : each.value.retention_hours
    tombstone_retention_time_in_hours = each.value.cleanup_policy == "compact" ? 24 : null
  }

  lifecycle {
    precondition {
      condition     = local.count <= local.limit.hubs
      error_message = "${local.count} hubs are needed (${length(module.topics.names.sources)} sources, ${length(module.topics.names.validated)} validated, ${length(module.topics.names.dead_letter)} dead-letter, ${length(module.topics.names.retry)} retry, ${length(module.topics.names.parked)} parked, the rest internal or in other_hubs), and ${local.tier} takes ${local.limit.hubs} a namespace. Let sources share one dead-letter topic (dead_letter_topic without {topic}), take Premium, or split the topics over two namespaces."
    }
    precondition {
      condition     = each.value.partitions <= local.limit.partitions
      error_message = "The hub ${each.key} needs ${each.value.partitions} partitions, and ${local.tier} takes ${local.limit.partitions}: outcomes have as many as their source."
    }
    precondition {
      condition     = each.value.retention_hours == null ? true : each.value.retention_hours <= local.limit.hours
      error_message = "The hub ${each.key} is to keep ${coalesce(each.value.retention_hours, 0)} hours, and ${local.tier} keeps ${local.limit.hours}: dead letters that nobody clears by then are gone."
    }
  }
}

resource "azurerm_private_endpoint" "this" {
  count = var.private_endpoint == null ? 0 : 1

  name                = "${local.namespace_name}-kafka"
  resource_group_name = var.resource_group_name
  location            = var.location
  subnet_id           = var.private_endpoint.subnet_id
  tags                = var.tags

  private_service_connection {
    name                           = "${local.namespace_name}-kafka"
    private_connection_resource_id = local.namespace_id
    subresource_names              = ["namespace"]
    is_manual_connection           = false
  }

  private_dns_zone_group {
    name                 = "kafka"
    private_dns_zone_ids = var.private_endpoint.private_dns_zone_ids
  }
}
