mock_provider "azurerm" {
  mock_resource "azurerm_eventhub_namespace" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tide/providers/Microsoft.EventHub/namespaces/tide-kafka" }
  }
  mock_data "azurerm_eventhub_namespace" {
    defaults = {
      id       = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/old/providers/Microsoft.EventHub/namespaces/old-kafka"
      sku      = "Standard"
      capacity = 1
    }
  }
}

variables {
  name                = "tide-kafka"
  resource_group_name = "tide"
  location            = "swedencentral"
  delivery_mode       = "at_least_once"
  topics = {
    orders    = { partitions = 4 }
    payments  = { partitions = 8 }
    customers = { partitions = 2 }
  }
}

run "standard_carries_at_least_once" {
  command = apply
  assert {
    condition     = length(azurerm_eventhub.this) == 10 && azurerm_eventhub.this["payments.dlq"].partition_count == 8
    error_message = "Three hubs for each source, with its partitions, one for states, and no probe."
  }
  assert {
    condition     = !azurerm_eventhub_namespace.this[0].local_authentication_enabled && !azurerm_eventhub_namespace.this[0].public_network_access_enabled && azurerm_eventhub_namespace.this[0].minimum_tls_version == "1.2"
    error_message = "Identities only, private only, TLS 1.2."
  }
  assert {
    condition     = output.kafka_client["compression.type"] == "none" && output.bootstrap_brokers == "tide-kafka.servicebus.windows.net:9093"
    error_message = "Standard refuses compressed batches."
  }
  assert {
    condition     = output.hub_ids["orders"] == azurerm_eventhub.this["orders"].id
    error_message = "Rights are given on hubs."
  }
}

run "premium_carries_exactly_once" {
  command = apply
  variables {
    sku           = "Premium"
    delivery_mode = "exactly_once"
    private_endpoint = {
      subnet_id            = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tide/providers/Microsoft.Network/virtualNetworks/v/subnets/s"
      private_dns_zone_ids = ["/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tide/providers/Microsoft.Network/privateDnsZones/privatelink.servicebus.windows.net"]
    }
  }
  assert {
    condition     = contains(keys(azurerm_eventhub.this), "tidegate.probe") && azurerm_eventhub.this["tidegate.dead-letters"].retention_description[0].cleanup_policy == "Compact"
    error_message = "The probe hub is there, and the states of groups are compacted."
  }
  assert {
    condition     = azurerm_private_endpoint.this[0].private_service_connection[0].subresource_names[0] == "namespace"
    error_message = "The private endpoint leads to the namespace."
  }
}

run "standard_has_no_transactions" {
  command = plan
  variables {
    delivery_mode = "exactly_once"
  }
  expect_failures = [var.sku]
}

run "an_existing_standard_namespace_has_none_either" {
  command = plan
  variables {
    name          = null
    existing      = { name = "old-kafka", resource_group_name = "old" }
    delivery_mode = "exactly_once"
  }
  expect_failures = [data.azurerm_eventhub_namespace.existing[0]]
}

run "existing_sources_stay_as_they_are" {
  command = plan
  variables {
    name         = null
    existing     = { name = "old-kafka", resource_group_name = "old" }
    make_sources = false
  }
  assert {
    condition     = length(azurerm_eventhub.this) == 7 && length(azurerm_eventhub_namespace.this) == 0
    error_message = "Only outcomes are made."
  }
  assert {
    condition     = endswith(output.hub_ids["orders"], "/namespaces/old-kafka/eventhubs/orders")
    error_message = "Rights on existing sources are given by their id."
  }
}

run "an_eleventh_hub_is_refused" {
  command = plan
  variables {
    other_hubs = 1
  }
  expect_failures = [azurerm_eventhub.this]
}

run "sharing_makes_room" {
  command = plan
  variables {
    other_hubs        = 2
    dead_letter_topic = "tidegate.dlq"
  }
  assert {
    condition     = length(azurerm_eventhub.this) == 8 && azurerm_eventhub.this["tidegate.dlq"].partition_count == 8
    error_message = "A shared hub has the partitions of its largest source."
  }
}

run "too_many_partitions" {
  command = plan
  variables {
    topics = { orders = { partitions = 33 } }
  }
  expect_failures = [azurerm_eventhub.this]
}

run "too_long" {
  command = plan
  variables {
    topics = { orders = { partitions = 1, dead_letter_retention_hours = 336 } }
  }
  expect_failures = [azurerm_eventhub.this]
}

run "basic_has_no_kafka" {
  command = plan
  variables {
    sku = "Basic"
  }
  expect_failures = [var.sku]
}

run "public_by_mistake" {
  command = plan
  variables {
    public_network_access_enabled = true
  }
  expect_failures = [var.network_rulesets]
}

run "public_to_all" {
  command = plan
  variables {
    public_network_access_enabled = true
    network_rulesets              = { ip_masks = ["0.0.0.0/0"] }
  }
  expect_failures = [var.network_rulesets]
}
