variable "rules" {
  description = "Prometheus rule files by name: the YAML that `tidegate alerts render` writes from the contracts, or your own. A file holds `groups`, a group `name` and `rules`."
  type        = map(string)
  nullable    = false

  validation {
    condition     = alltrue([for text in values(var.rules) : can([for group in yamldecode(text).groups : [group.name, [for rule in group.rules : rule.expr]]])])
    error_message = "A rule file must be YAML with groups, each with a name and rules, each with an expr (`promtool check rules FILE` says more)."
  }
  validation {
    condition     = length(flatten([for text in values(var.rules) : try([for group in yamldecode(text).groups : group.name], [])])) == length(distinct(flatten([for text in values(var.rules) : try([for group in yamldecode(text).groups : group.name], [])])))
    error_message = "Two groups have the same name: one would replace the other."
  }
  validation {
    condition = alltrue(flatten([
      for text in values(var.rules) : [
        for group in try(yamldecode(text).groups, []) : [
          for rule in try(group.rules, []) : contains(["page", "ticket", "info"], try(rule.labels.severity, "")) if can(rule.alert)
        ]
      ]
    ]))
    error_message = "Every alert needs the label severity: page, ticket or info. Without it nobody is told."
  }
  validation {
    condition = alltrue(flatten([
      for text in values(var.rules) : [
        for group in try(yamldecode(text).groups, []) : [
          for rule in try(group.rules, []) : try(rule.annotations.summary, "") != "" && can(regex("^https://", rule.annotations.runbook_url)) if can(rule.alert)
        ]
      ]
    ]))
    error_message = "Every alert needs the annotations summary and runbook_url (https://…): whoever is woken by it must learn what it means and what to do."
  }
}
