// Package policy decides who may see and do what in a reading study: the only place that does. Every query, every event stream, every
// export and every command asks it.
//
// A subject has roles in one project. What they ask about is put as [Facts]: is the reading their own, is it a draft, does it come from AI,
// was it revealed to them, do they still have to read this case. A [Rule] lets a role do an action where some facts hold and others do not. What no
// rule allows is denied: there are no rules that deny, so none can be forgotten.
//
// The table is in table.go; docs/reference/reading-policy.md shows it and a test holds the two together. What must never be is tested over
// every combination of roles, actions and facts.
package policy
