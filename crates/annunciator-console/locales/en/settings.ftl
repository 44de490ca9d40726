# Words of the area `settings`: forms of settings, the tabs of notification delivery, the history.

# Fields of every form of settings.
settings-state-default = Default
settings-state-set = Set · default: { $default }
settings-state-set-plain = Set
settings-state-resetting = Back to the default when saved
settings-reset = Reset
settings-reset-label = Reset { $field } to its default
settings-secret-stored = Stored. Type here to replace it.
settings-secret-clear = Remove what is stored
settings-value-none = none
settings-value-empty = empty
settings-value-secret = hidden
settings-value-standard-text = the standard text
settings-error-retype = It was typed for other connection settings, and is not handed on to changed ones: type it again.
settings-notify-all = All events
settings-notify-some = Events of these severities
settings-notify-configured = Only where the event configuration says so
    .help = Event types, policies and applications turn it on by themselves.
settings-notify-none = no events
settings-measure-seconds = seconds
settings-measure-days = days
settings-measure-MiB = MiB
