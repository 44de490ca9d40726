# Words of the area `subscriptions`: list, form, preview, statuses.
nav-subscriptions = Subscriptions
nav-mail-notifier = Mail Notifier
subscriptions-title = Subscriptions
subscriptions-lead = Who is mailed about which incidents. Each address gets an incident once, however many subscriptions it meets.
subscriptions-views = Subscriptions and statuses
subscriptions-new = New subscription
subscriptions-edit = Subscription
subscriptions-create = Create subscription
subscriptions-empty = Nobody is told of incidents yet
subscriptions-empty-lead = A subscription says who is mailed about which incidents, in which language and when.
subscriptions-empty-own = No subscription names you. An administrator makes them.
subscriptions-cannot-send = Subscriptions cannot send anything now.
subscriptions-set-notifier = Set up the Mail Notifier
subscriptions-name = Name
subscriptions-name-missing = Give the subscription a name.
subscriptions-name-taken = There is a subscription of this name: take another one.
subscriptions-state = State
subscriptions-on = On
subscriptions-on-hint = Off keeps it and tells nobody.
subscriptions-off = Off
subscriptions-turn-on = Turn on
subscriptions-turn-off = Turn off
subscriptions-pause = Pause for me
subscriptions-go-on = Go on
subscriptions-paused = paused
subscriptions-paused-own = You paused it
subscriptions-paused-count = { $count ->
    [one] paused by { $count } user
   *[other] paused by { $count } users
}
subscriptions-paused-title = Paused by its users
subscriptions-paused-since = since { $time }
subscriptions-who = Who
subscriptions-about = About
subscriptions-about-lead = An incident must meet every field that is filled in; an empty one meets all.
subscriptions-when = When
subscriptions-when-lead = Critical incidents are always told at once.
subscriptions-more = and { $count } more
subscriptions-nobody = Nobody
subscriptions-everything = All incidents
subscriptions-left-out = told nothing
subscriptions-left-out-lead = Who is told nothing, and why
subscriptions-take-out = Take out
subscriptions-at-once = At once
subscriptions-every = Every { $minutes } min
subscriptions-daily-at = Daily at { $time }
subscriptions-quiet-words = quiet from { $from } until { $until }
subscriptions-with-follow-ups = with changes of status
subscriptions-form-lead = Who is mailed about which incidents, and when.
subscriptions-delete-sure = Delete the subscription “{ $name }”? Its readers are told nothing more.
subscriptions-section-name = Subscription
subscriptions-users = Users
subscriptions-users-hint = Mailed at the addresses of their accounts, in their own language and time zone where they chose one.
subscriptions-user-blocked = blocked: told nothing
subscriptions-user-without-address = has no address: told nothing
subscriptions-user-gone = there is no such user
subscriptions-addresses = Additional addresses
subscriptions-addresses-hint = Separated by ;
subscriptions-language = Language
subscriptions-language-hint = Of those who have none of their own.
subscriptions-language-en = English
subscriptions-language-ru = Russian
subscriptions-time-zone = Time zone
subscriptions-time-zone-hint = Of those who have none of their own, and of quiet hours and daily mails.
subscriptions-detectors = Kinds of detectors
subscriptions-other-detectors = Other kinds of detectors
subscriptions-models = Models
subscriptions-assets = Assets
subscriptions-pattern-hint = One in a line; * stands for any text, ? for one character.
subscriptions-groups = Device groups
subscriptions-groups-hint = One in a line, such as Plant A/Line 2; groups below count too.
subscriptions-delivery-at-once = At once
subscriptions-delivery-bundled = Those of some minutes in one mail
subscriptions-delivery-daily = Those of a day in one mail
subscriptions-bundle = Bundle every
subscriptions-minutes = minutes
subscriptions-daily = Daily at
subscriptions-quiet-from = Quiet hours from
subscriptions-quiet-until = Quiet hours until
subscriptions-quiet-hint = What is not critical waits until they end. Empty for none.
subscriptions-follow-ups = Tell changes of status as well
subscriptions-follow-ups-hint = In the same thread as the mail about the incident.
subscriptions-preview = Who would be told
subscriptions-preview-lead = Who would be told of an incident now, when, and who would not and why. Nothing is sent.
subscriptions-try-lead = With what is typed in this form, saved or not. Nothing is sent.
subscriptions-try-wrong = This cannot be tried yet:
subscriptions-which = Incident
subscriptions-made-up = One that could come
subscriptions-ask = Show
subscriptions-told-count = { $count ->
    [0] Nobody is told
    [one] { $count } address is told
   *[other] { $count } addresses are told
}
subscriptions-none-met = It meets no subscription.
subscriptions-met = Meets { $names }
subscriptions-silent = Nothing would be sent:
subscriptions-address = Address
subscriptions-by = Subscription
subscriptions-why = Why
notice-subscription-paused = The subscription is paused.
notice-subscription-goes-on = The subscription goes on.

statuses-title = Incident statuses
statuses-lead = Which statuses an incident may have, and whether subscribers are notified of an incident with it.
statuses-code = Code
statuses-name = Name
statuses-name-ru = Name in Russian
statuses-notify = Notify about an incident
statuses-new = New status
statuses-add = Add a status
statuses-remove = Remove { $name }
statuses-behaviour = New incidents and changes
statuses-initial = First status
statuses-initial-hint = Of an incident that comes without one.
statuses-later = Notify when the status changes
statuses-later-hint = An incident that was not notified because of its status is notified once when it gets a status that is.
statuses-grouping = Group similar incidents within
statuses-grouping-hint = Of one model and top tag; 0 for none.
statuses-conflict = Somebody saved settings in the meantime. Nothing of yours was saved: look it over, then save again to replace theirs.
subscriptions-others = { $count ->
    [one] One more is told whom you may not see.
   *[other] { $count } more are told whom you may not see.
}
subscriptions-conflict = Somebody else has changed this subscription meanwhile: { $fields }. What you typed still stands here; save again to put it in place of theirs, or open the page anew.
subscriptions-gone = Somebody else has deleted this subscription meanwhile: nothing was saved. Make a new one, if it is still wanted.
