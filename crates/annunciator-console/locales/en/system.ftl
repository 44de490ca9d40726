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
system-searched-until = Searched back to { $at }; older entries follow on the next page.
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
system-field-address = Address
system-field-session = Session
system-field-holds = Holds
system-field-full-name = Full name
system-field-email = E-mail address
system-field-rights = Rights
system-field-shared = Shared
system-field-query = Query
system-field-blocked = Blocked
system-field-language = Language
system-field-time-zone = Time zone
system-field-theme = Theme
system-field-channel = Channel
system-field-delivery = Delivery
system-field-key = Key
system-field-days = Days

system-action-settings-save = Settings saved
system-action-settings-export-sealed = Settings exported with sealed secrets
system-action-token-create = Token made
system-action-token-delete = Token deleted
system-action-user-create = User made
system-action-user-change = User changed
system-action-user-delete = User deleted
system-action-user-change-password = Own password changed
system-action-user-set-password = Password set
system-action-user-give-key = Sign-in link made
system-action-user-use-key = Sign-in link used
system-action-session-start = Signed in
system-action-session-end = Signed out
system-action-role-save = Role saved
system-action-role-delete = Role deleted
system-action-view-save = View saved
system-action-view-delete = View deleted
system-action-certificate-upload = Certificate uploaded
system-action-certificate-replace = Certificate replaced
system-action-certificate-delete = Certificate deleted
system-action-certificate-download-key = Key downloaded
system-action-silence-create = Silence made
system-action-silence-change = Silence changed
system-action-silence-end = Silence ended
system-action-delivery-retry = Delivery retried
system-action-delivery-cancel = Delivery cancelled
system-action-delivery-resend = Delivery resent
system-action-backup-create = Backup made
system-action-backup-delete = Backup deleted

system-lead = What this server is, what it keeps, and how to bring it to safety.
system-group-server = Server
system-group-store = Store
system-group-retention = Retention
system-group-build = Build
system-change-retention = Change
system-disk = { $free } are free of { $total } that the store can have
system-disk-note = No event is accepted once only the grey reserve at the end is left.
system-with-tls = with TLS
system-without-tls = without TLS
system-fact-version = Version
system-fact-listen = Listens on
system-fact-started = Started
system-fact-certificate-ends = Its certificate ends
system-fact-data-dir = Data folder
system-fact-executable-dirs = Folders of executables
system-fact-kind = Kind
system-kind-sqlite = SQLite
system-fact-size = Size
system-fact-wal = Of it, write-ahead log
system-fact-schema = Schema version
system-fact-events = Events
system-fact-deliveries = Deliveries
system-fact-oldest-event = Oldest event
system-fact-events-max = Most finished events
system-days = { $count ->
    [0] not kept
    [one] { $count } day
   *[other] { $count } days
}
system-fact-rustc = Compiler
system-fact-target = Made for
system-fact-openssl = OpenSSL
system-fact-sqlite = SQLite
system-backups = Backups
system-back-up-now = Back up now
system-no-backups = There is no backup yet. One is a consistent copy of the whole store, made while the server works.
system-backup = File
system-size = Size
system-more-backups = { $count ->
    [one] { $count } older backup is not shown; the command line lists it.
   *[other] { $count } older backups are not shown; the command line lists them.
}
system-delete-backup = Delete
system-delete-backup-name = Delete backup { $name }
system-delete-backup-question = Delete the backup { $name }? It cannot be brought back.
system-restore = To restore: stop the server, put the file as annunciator.sqlite3 into an empty data folder, and start the server again.
system-restore-key = Secrets in it open only with the key file, which is kept beside the data folder and belongs into another safe place. Copies on the same disk do not survive that disk.
system-endpoints = For other programs
system-healthy = Whether the process answers; for supervisors.
system-ready = Whether events are accepted; for load balancers.
system-metrics = Metrics for Prometheus.
system-openapi = The API as an OpenAPI document.
notice-backup-made = The backup is made.
notice-backup-deleted = The backup is deleted.
