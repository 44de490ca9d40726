# Words of the area `system`: audit log, server, backups.
system-audit-lead = Who changed what, and when. Entries are only ever added.
system-audit-search = Search what was changed
system-author = Author
system-action = Action
system-any-action = All actions
system-when = Time
system-what = What was done
system-change = Change
system-unset = not set
system-secret = secret
system-secret-changed = a new secret
system-became = became
system-more-changes = { $count ->
    [one] { $count } more change
   *[other] { $count } more changes
}
system-pages = Pages
system-newest = Newest entries
system-older = Older entries
system-export-csv = Export CSV
system-export-json = Export JSON
system-audit-empty = Nothing was changed yet
system-audit-empty-detail = Every change of settings, users, tokens, certificates and deliveries is written down here, with who made it.
system-audit-nothing = No entry matches
system-audit-nothing-detail = Search for another word, or take the filters away.
system-audit-all = Show all entries

system-field-name = Name
system-field-role = Role
system-field-comment = Comment
system-field-expires-at = Ends
system-field-further-changes = Further changes
system-field-deliveries = Deliveries
system-field-new-delivery = New delivery
system-field-revision = Revision
system-field-kind = Kind
system-field-matchers = Matchers
system-field-channels = Channels
system-field-starts-at = Begins
system-field-ends-at = Ends
system-field-encrypted = Encrypted

system-action-settings-save = Settings saved
system-action-settings-export-sealed = Settings exported with sealed secrets
system-action-token-create = Token made
system-action-token-delete = Token deleted
system-action-delivery-retry = Delivery retried
system-action-delivery-cancel = Delivery cancelled
system-action-delivery-resend = Delivery resent
system-action-silence-change = Silence changed
system-action-certificate-delete = Certificate deleted
