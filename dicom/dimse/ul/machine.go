package ul

// State of an association (PS3.8 tables 9-1 to 9-5).
type State byte

// The states. Sta0 is none.
const (
	Sta1  State = 1 + iota // idle
	Sta2                   // connection open, awaiting A-ASSOCIATE-RQ
	Sta3                   // awaiting the local A-ASSOCIATE response
	Sta4                   // awaiting the opening of the connection
	Sta5                   // awaiting A-ASSOCIATE-AC or -RJ
	Sta6                   // established
	Sta7                   // awaiting A-RELEASE-RP
	Sta8                   // awaiting the local A-RELEASE response
	Sta9                   // collision, requestor: awaiting the local A-RELEASE response
	Sta10                  // collision, acceptor: awaiting A-RELEASE-RP
	Sta11                  // collision, requestor: awaiting A-RELEASE-RP
	Sta12                  // collision, acceptor: awaiting the local A-RELEASE response
	Sta13                  // awaiting the closing of the connection
)

// Event is what can happen (the rows of PS3.8 table 9-10).
type Event byte

// The events, in the table's order.
const (
	AssociateRequest   Event = 1 + iota // local
	ConnectionOpened                    // confirmation to who asked for it
	AssociateACPDU                      // received
	AssociateRJPDU                      // received
	ConnectionIncoming                  // indication
	AssociateRQPDU                      // received
	AssociateAccept                     // local response
	AssociateReject                     // local response
	DataRequest                         // local
	DataPDU                             // received
	ReleaseRequest                      // local
	ReleaseRQPDU                        // received
	ReleaseRPPDU                        // received
	ReleaseResponse                     // local
	AbortRequest                        // local
	AbortPDU                            // received
	ConnectionClosed
	ARTIMExpired
	InvalidPDU // unrecognized or invalid
)

// Action is what the machine does (PS3.8 tables 9-6 to 9-9).
type Action byte

// The actions. None: the event can't happen in that state, or is not allowed to the local side.
const (
	None Action = iota
	AE1         // open the connection
	AE2         // send A-ASSOCIATE-RQ
	AE3         // confirm acceptance
	AE4         // confirm rejection, close
	AE5         // connection response, start ARTIM
	AE6         // stop ARTIM; indicate, or send A-ASSOCIATE-RJ and start ARTIM
	AE7         // send A-ASSOCIATE-AC
	AE8         // send A-ASSOCIATE-RJ, start ARTIM
	DT1         // send P-DATA-TF
	DT2         // indicate data
	AR1         // send A-RELEASE-RQ
	AR2         // indicate release
	AR3         // confirm release, close
	AR4         // send A-RELEASE-RP, start ARTIM
	AR5         // stop ARTIM
	AR6         // indicate data
	AR7         // send P-DATA-TF
	AR8         // indicate release (collision)
	AR9         // send A-RELEASE-RP
	AR10        // confirm release
	AA1         // send A-ABORT (service user), start or restart ARTIM
	AA2         // stop ARTIM, close
	AA3         // indicate abort, close
	AA4         // indicate provider abort
	AA5         // stop ARTIM
	AA6         // ignore
	AA7         // send A-ABORT
	AA8         // send A-ABORT (service provider), indicate provider abort, start ARTIM
)

// after is the state that follows an action. AE6 and AR8 leave a choice: see Transition.
var after = [...]State{
	AE1: Sta4, AE2: Sta5, AE3: Sta6, AE4: Sta1, AE5: Sta2, AE6: Sta3, AE7: Sta6, AE8: Sta13,
	DT1: Sta6, DT2: Sta6,
	AR1: Sta7, AR2: Sta8, AR3: Sta1, AR4: Sta13, AR5: Sta1, AR6: Sta7, AR7: Sta8, AR8: Sta9, AR9: Sta11, AR10: Sta12,
	AA1: Sta13, AA2: Sta1, AA3: Sta1, AA4: Sta1, AA5: Sta1, AA6: Sta13, AA7: Sta13, AA8: Sta13,
}

// table is PS3.8 table 9-10: a row an event, a column a state from Sta1 to Sta13.
var table = [...][13]Action{
	AssociateRequest:   {AE1},
	ConnectionOpened:   {3: AE2},
	AssociateACPDU:     {1: AA1, AA8, None, AE3, AA8, AA8, AA8, AA8, AA8, AA8, AA8, AA6},
	AssociateRJPDU:     {1: AA1, AA8, None, AE4, AA8, AA8, AA8, AA8, AA8, AA8, AA8, AA6},
	ConnectionIncoming: {AE5},
	AssociateRQPDU:     {1: AE6, AA8, None, AA8, AA8, AA8, AA8, AA8, AA8, AA8, AA8, AA7},
	AssociateAccept:    {2: AE7},
	AssociateReject:    {2: AE8},
	DataRequest:        {5: DT1, 7: AR7},
	DataPDU:            {1: AA1, AA8, None, AA8, DT2, AR6, AA8, AA8, AA8, AA8, AA8, AA6},
	ReleaseRequest:     {5: AR1},
	ReleaseRQPDU:       {1: AA1, AA8, None, AA8, AR2, AR8, AA8, AA8, AA8, AA8, AA8, AA6},
	ReleaseRPPDU:       {1: AA1, AA8, None, AA8, AA8, AR3, AA8, AA8, AR10, AR3, AA8, AA6},
	ReleaseResponse:    {7: AR4, AR9, None, None, AR4},
	AbortRequest:       {2: AA1, AA2, AA1, AA1, AA1, AA1, AA1, AA1, AA1, AA1},
	AbortPDU:           {1: AA2, AA3, None, AA3, AA3, AA3, AA3, AA3, AA3, AA3, AA3, AA2},
	ConnectionClosed:   {1: AA5, AA4, AA4, AA4, AA4, AA4, AA4, AA4, AA4, AA4, AA4, AR5},
	ARTIMExpired:       {1: AA2, 12: AA2},
	InvalidPDU:         {1: AA1, AA8, None, AA8, AA8, AA8, AA8, AA8, AA8, AA8, AA8, AA7},
}

// Transition is what happens on event e in state s, and the state after it: PS3.8 table 9-10. requestor says which side of the
// association this is, which decides where AR-8 leads. Where AE-6 leads is decided by the caller: the state given is that of an
// acceptable request, an unacceptable one leads to Sta13. For an event that can't happen the action is None and the state stays.
func Transition(s State, e Event, requestor bool) (Action, State) {
	if s < Sta1 || s > Sta13 || int(e) >= len(table) {
		return None, s
	}
	act := table[e][s-1]
	switch {
	case act == None:
		return None, s
	case act == AR8 && !requestor:
		return act, Sta10
	}
	return act, after[act]
}
