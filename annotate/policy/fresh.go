package policy

// fresh are the actions before which somebody proves anew who they are, however long they have been logged in: what they undo can't be done
// again. Whoever serves members asks here.
var fresh = map[Action]string{
	Unblind:   "names that were shown stay known",
	Export:    "results that have left stay outside",
	SignTruth: "a signature speaks for the study",
}

// Fresh says whether an action needs a fresh proof of who asks, beside being allowed.
func Fresh(a Action) bool { return fresh[a] != "" }
