output "location" {
  description = "`lake.location` of Tidegate's config."
  value       = var.prefix == "" ? "az://${azurerm_storage_container.lake.name}" : "az://${azurerm_storage_container.lake.name}/${var.prefix}"
}

output "account" {
  description = "`lake.account` of Tidegate's config."
  value       = azurerm_storage_account.this.name
}

output "lake_container_id" {
  description = "Resource id of the lake's container; rights are given on it."
  value       = azurerm_storage_container.lake.id
}

output "dead_letter_container_id" {
  description = "Resource id of the container of dead letters; rights are given on it."
  value       = azurerm_storage_container.dead_letters.id
}
