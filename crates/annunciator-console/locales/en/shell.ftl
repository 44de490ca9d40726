# What stands around every page, and words that many pages use.
shell-skip = Skip to content
shell-menu = Menu
shell-sign-out = Sign out
shell-leave = There are changes that are not saved.
shell-request-failed = The server did not answer. Is it running?
shell-copied = Copied
shell-save = Save
shell-cancel = Cancel
shell-close = Close
shell-delete = Delete
shell-edit = Edit
shell-add = Add
shell-copy = Copy
shell-next = Next page
shell-first = First page
shell-filter = Filter
shell-search = Search
shell-all = All
shell-none = None
shell-yes = Yes
shell-no = No
shell-never = Never
shell-optional = optional
shell-unsaved = Not saved yet
shell-discard = Discard changes

nav-dashboard = Dashboard
nav-events = Events
nav-ledger = Ledger
nav-silences = Silences
nav-settings = Settings
nav-delivery = Notification delivery
nav-event-configuration = Event configuration
nav-certificates = Certificates
nav-administration = Administration
nav-users = Users and roles
nav-tokens = API tokens
nav-audit = Audit log
nav-system = System

refusal-title = That did not work
refusal-forbidden = This is not yours to open
refusal-not-to-change = It takes the right to change settings.
refusal-missing = There is nothing here
refusal-not-found = The address is mistyped, or what was here is gone.
refusal-broken = The server could not make this page; its log says why.
refusal-home = Back to the dashboard

role-administrator = System administrator
role-operator = Operator
role-viewer = Viewer
role-ingest = Ingest

severity-info = Info
severity-warning = Warning
severity-failure = Functional failure
severity-critical = Critical

channel-email = E-mail
channel-sms = SMS
channel-executable = Executable
channel-mail-notifier = Mail Notifier

state-queued = Queued
state-in-flight = In flight
state-delivered = Delivered
state-failed = Failed
state-cancelled = Cancelled
state-possibly-duplicated = possibly duplicated

theme-auto = As the system
theme-light = Light
theme-dark = Dark

count-deliveries = { $count ->
    [one] { $count } delivery
   *[other] { $count } deliveries
}
count-events = { $count ->
    [one] { $count } event
   *[other] { $count } events
}

ago-now = just now
ago-soon = in a moment
ago-s = { $count } s ago
ago-min = { $count } min ago
ago-h = { $count } h ago
ago-d = { $count } d ago
ahead-s = in { $count } s
ahead-min = in { $count } min
ahead-h = in { $count } h
ahead-d = in { $count } d

unit-bytes = B
unit-kb = kB
unit-mb = MB
unit-gb = GB
unit-tb = TB
unit-ms = ms
unit-s = s
unit-min = min
unit-h = h
unit-d = d

notice-saved = Saved.
notice-deleted = Deleted.
notice-created = Created.
