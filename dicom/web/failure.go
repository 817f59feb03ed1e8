package web

// Reasons of a response to a store: Failure Reason (0008,1197) and Warning Reason (0008,1196) of PS3.18 annex I.2 and PS3.7 annex C.
const (
	FailureProcessing    = 0x0110 // a defect or an unspecific fault
	FailureOutOfResource = 0xA700
	FailureMismatch      = 0xA900 // not of the study that the URL names
	FailureUnreadable    = 0xC000 // can't be understood
	WarningConflict      = 0xB000 // kept beside other content under the same SOP Instance UID, which still stands
)
