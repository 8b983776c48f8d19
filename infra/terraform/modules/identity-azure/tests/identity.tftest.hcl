mock_provider "azurerm" {
  mock_resource "azurerm_user_assigned_identity" {
    defaults = {
      id           = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tide/providers/Microsoft.ManagedIdentity/userAssignedIdentities/tidegate"
      client_id    = "11111111-1111-1111-1111-111111111111"
      principal_id = "22222222-2222-2222-2222-222222222222"
    }
  }
  mock_resource "azurerm_role_definition" {
    defaults = { role_definition_resource_id = "/subscriptions/00000000-0000-0000-0000-000000000000/providers/Microsoft.Authorization/roleDefinitions/33333333-3333-3333-3333-333333333333" }
  }
}

variables {
  resource_group_name = "tide"
  resource_group_id   = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tide"
  location            = "swedencentral"
  oidc_issuer_url     = "https://swedencentral.oic.prod-aks.azure.com/t/c/"
  topics = {
    sources     = ["orders"]
    validated   = ["orders.validated"]
    dead_letter = ["orders.dlq"]
    probe       = "tidegate.probe"
  }
  hub_ids = {
    "orders"           = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tide/providers/Microsoft.EventHub/namespaces/k/eventhubs/orders"
    "orders.validated" = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tide/providers/Microsoft.EventHub/namespaces/k/eventhubs/orders.validated"
    "orders.dlq"       = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tide/providers/Microsoft.EventHub/namespaces/k/eventhubs/orders.dlq"
    "tidegate.probe"   = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tide/providers/Microsoft.EventHub/namespaces/k/eventhubs/tidegate.probe"
  }
  lake_container_id        = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tide/providers/Microsoft.Storage/storageAccounts/tidelake/blobServices/default/containers/lake"
  dead_letter_container_id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tide/providers/Microsoft.Storage/storageAccounts/tidelake/blobServices/default/containers/dead-letters"
}

run "each_role_has_what_it_does_and_no_more" {
  command = apply
  variables {
    dead_letter_reader_principal_ids = { on-call = "44444444-4444-4444-4444-444444444444" }
  }
  assert {
    condition     = join(" ", keys(azurerm_role_assignment.hubs)) == "audit-reads-orders audit-reads-orders.dlq audit-reads-orders.validated operator-reads-orders.dlq operator-reads-orders.validated resume-reads-orders resume-reads-orders.validated sink-reads-orders.validated sla-reads-orders sla-reads-orders.dlq sla-reads-orders.validated validator-reads-orders validator-reads-orders.dlq validator-reads-orders.validated validator-reads-tidegate.probe validator-writes-orders.dlq validator-writes-orders.validated validator-writes-tidegate.probe"
    error_message = "Rights on hubs, one by one: the validator must not write its source, the sink knows no dead letter."
  }
  assert {
    condition     = alltrue([for assignment in azurerm_role_assignment.hubs : strcontains(assignment.scope, "/eventhubs/")])
    error_message = "Rights are given on hubs, never on the namespace."
  }
  assert {
    condition     = join(" ", keys(azurerm_role_assignment.containers)) == "audit-reads operator-exports resume-appends sink-appends sla-reads"
    error_message = "The validator opens no container."
  }
  assert {
    condition     = !contains(flatten([for permission in azurerm_role_definition.append.permissions : tolist(permission.data_actions)]), "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/delete")
    error_message = "Nobody deletes blobs."
  }
  assert {
    condition     = azurerm_federated_identity_credential.this["sink"].subject == "system:serviceaccount:tidegate:tidegate-sink"
    error_message = "One service account of one cluster may take the identity."
  }
  assert {
    condition     = azurerm_role_assignment.reader_container["on-call"].scope == var.dead_letter_container_id && join(" ", keys(azurerm_role_assignment.reader_hubs)) == "on-call-orders.dlq"
    error_message = "The reader of dead letters reads them and not the lake."
  }
  assert {
    condition     = output.service_accounts["sink"].annotations["azure.workload.identity/client-id"] == "11111111-1111-1111-1111-111111111111"
    error_message = "The overlay gets the client id."
  }
}

run "replays_send_back_and_put_aside" {
  command = apply
  variables {
    sla_topics = true
    topics = {
      sources     = ["orders"]
      validated   = ["orders.validated"]
      dead_letter = ["orders.dlq"]
      retry       = ["orders.retry"]
      parked      = ["orders.parked"]
      group_state = "tidegate.dead-letters"
    }
    hub_ids = {
      "orders"                = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tide/providers/Microsoft.EventHub/namespaces/k/eventhubs/orders"
      "orders.validated"      = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tide/providers/Microsoft.EventHub/namespaces/k/eventhubs/orders.validated"
      "orders.dlq"            = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tide/providers/Microsoft.EventHub/namespaces/k/eventhubs/orders.dlq"
      "orders.retry"          = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tide/providers/Microsoft.EventHub/namespaces/k/eventhubs/orders.retry"
      "orders.parked"         = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tide/providers/Microsoft.EventHub/namespaces/k/eventhubs/orders.parked"
      "tidegate.dead-letters" = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tide/providers/Microsoft.EventHub/namespaces/k/eventhubs/tidegate.dead-letters"
      "tidegate.probe"        = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tide/providers/Microsoft.EventHub/namespaces/k/eventhubs/tidegate.probe"
    }
  }
  assert {
    condition     = join(" ", [for key in keys(azurerm_role_assignment.hubs) : key if startswith(key, "operator-writes-")]) == "operator-writes-orders.parked operator-writes-orders.retry operator-writes-tidegate.dead-letters"
    error_message = "A replay writes what it sends back, what it parks and its state, and neither sources nor outcomes."
  }
  assert {
    condition     = alltrue([for hub in ["orders", "orders.retry", "orders.parked", "orders.dlq"] : contains(keys(azurerm_role_assignment.hubs), "operator-reads-${hub}")])
    error_message = "It looks for what was sent before."
  }
  assert {
    condition     = join(" ", [for key in keys(azurerm_role_assignment.hubs) : key if strcontains(key, "parked")]) == "operator-reads-orders.parked operator-writes-orders.parked"
    error_message = "Nobody else knows what is parked."
  }
  assert {
    condition     = join(" ", [for key in keys(azurerm_role_assignment.hubs) : key if startswith(key, "sla-")]) == "sla-reads-orders sla-reads-orders.dlq sla-reads-orders.retry sla-reads-orders.validated"
    error_message = "Checks that look at topics read sources, retries and outcomes, and write none."
  }
}

run "a_whole_namespace_is_refused" {
  command = plan
  variables {
    hub_ids = { orders = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tide/providers/Microsoft.EventHub/namespaces/k" }
  }
  expect_failures = [var.hub_ids]
}

run "a_whole_account_is_refused" {
  command = plan
  variables {
    lake_container_id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tide/providers/Microsoft.Storage/storageAccounts/tidelake"
  }
  expect_failures = [var.lake_container_id]
}

run "one_container_for_all" {
  command = plan
  variables {
    dead_letter_container_id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tide/providers/Microsoft.Storage/storageAccounts/tidelake/blobServices/default/containers/lake"
  }
  expect_failures = [var.dead_letter_container_id]
}

run "a_whole_subscription_is_refused" {
  command = plan
  variables {
    resource_group_id = "/subscriptions/00000000-0000-0000-0000-000000000000"
  }
  expect_failures = [var.resource_group_id]
}

run "a_starred_service_account" {
  command = plan
  variables {
    roles = { sink = { service_account = "*" } }
  }
  expect_failures = [var.roles]
}

run "people_run_commands_and_have_what_those_need" {
  command = apply
  variables {
    principal_ids = {
      operator = { on-call = "44444444-4444-4444-4444-444444444444" }
      audit    = { on-call = "44444444-4444-4444-4444-444444444444", auditors = "55555555-5555-5555-5555-555555555555" }
    }
  }
  assert {
    condition     = join(" ", sort(keys(azurerm_role_assignment.people_containers))) == "auditors-read-lake on-call-append-dead-letters on-call-read-lake"
    error_message = "What the roles may do in containers, and no more."
  }
  assert {
    condition     = length([for key in keys(azurerm_role_assignment.people_hubs) : key if startswith(key, "on-call-") && endswith(key, "-orders.dlq")]) == 1 && !anytrue([for key in keys(azurerm_role_assignment.people_hubs) : strcontains(key, "Sender")])
    error_message = "What two roles share is assigned once; without a retry hub nobody sends."
  }
}

run "nobody_takes_over_the_validator" {
  command = plan
  variables {
    principal_ids = { validator = { me = "44444444-4444-4444-4444-444444444444" } }
  }
  expect_failures = [var.principal_ids]
}

run "one_person_two_names" {
  command = plan
  variables {
    principal_ids = { operator = { me = "44444444-4444-4444-4444-444444444444", myself = "44444444-4444-4444-4444-444444444444" } }
  }
  expect_failures = [var.principal_ids]
}
