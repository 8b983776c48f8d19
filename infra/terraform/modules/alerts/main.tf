# Rule files, read and checked, for whichever service evaluates them. The cloud's own part is in `aws` and `azure`.
locals {
  groups = merge([
    for file, text in var.rules : {
      for group in yamldecode(text).groups : group.name => {
        file     = file
        interval = try(group.interval, "1m")
        rules = [
          for rule in group.rules : {
            alert       = try(rule.alert, null)
            record      = try(rule.record, null)
            expr        = rule.expr
            for         = try(rule.for, null)
            labels      = { for label, value in try(rule.labels, {}) : label => tostring(value) }
            annotations = { for name, value in try(rule.annotations, {}) : name => tostring(value) }
            severity    = try(rule.labels.severity, null)
          }
        ]
      }
    }
  ]...)
}
