package policy

// table is everything that anybody may do.
var table = []Rule{
	// A reader: their own work, one case at a time, and of others' only what was shared or revealed.
	{Role: Reader, Action: ViewCase, Needs: Assigned | Ready | Reading, Why: "cases are read when their turn has come"},
	{Role: Reader, Action: ViewCase, Needs: Shared | Reading, Not: FromAI | MustRead, Why: "a shared reading is looked at on its pictures"},
	{Role: Reader, Action: OpenReading, Needs: Own | Ready | Reading, Why: "an assignment is opened by whom it is for"},
	{Role: Reader, Action: TakeCase, Needs: Reading, Why: "whoever is free takes the next case of a pool, and does not choose"},
	{Role: Reader, Action: ViewReading, Needs: Own, Why: "readers see their own readings"},
	{Role: Reader, Action: ViewReading, Needs: Shared, Not: FromAI | MustRead, Why: "shared readings are seen by whom they are shared with, once these have no reading of the case before them"},
	{Role: Reader, Action: ViewReading, Needs: Revealed | FromAI | Locked, Not: MustRead, Masked: true, Why: "AI is seen after the unaided reading is locked, when the server has revealed it"},
	{Role: Reader, Action: ViewReading, Needs: Revealed | Locked, Not: MustRead, Masked: true, Why: "the sides of a preference are seen when the server has revealed them"},
	{Role: Reader, Action: EditReading, Needs: Own | Draft | Reading, Not: Locked, Why: "drafts are changed by their reader"},
	{Role: Reader, Action: EditReading, Needs: Shared | Draft | Reading, Not: Locked | FromAI | MustRead, Why: "shared drafts are changed by those they are shared with"},
	{Role: Reader, Action: LockReading, Needs: Own | Draft | Reading, Not: Locked, Why: "a reader says when a reading is done"},
	{Role: Reader, Action: ShareReading, Needs: Own | Draft | Reading, Not: Locked, Why: "drafts are private until their reader shares them"},
	{Role: Reader, Action: Comment, Any: Own | Shared, Not: MustRead | FromAI, Why: "comments belong to what one may see"},
	{Role: Reader, Action: Comment, Needs: Own | Draft, Why: "comments on one's own draft"},
	{Role: Reader, Action: ViewComments, Any: Own | Shared, Not: MustRead | FromAI, Why: "what a team says of a reading is for the team"},
	{Role: Reader, Action: ViewComments, Needs: Own | Draft, Why: "comments on one's own draft"},
	{Role: Reader, Action: Attend, Needs: Reading, Any: Own | Shared, Not: MustRead | FromAI, Why: "who works together sees each other"},
	{Role: Reader, Action: Attend, Needs: Own | Draft | Reading, Why: "who shares a draft sees who is in it"},
	{Role: Reader, Action: OwnProgress, Needs: Own, Why: "readers see what they have still to do, not what others have"},

	// A program that reads.
	{Role: Service, Action: ViewCase, Needs: Assigned | Reading, Why: "a model reads the cases that it is given"},
	{Role: Service, Action: OpenReading, Needs: Own | Ready | Reading, Why: "an assignment is opened by whom it is for"},
	{Role: Service, Action: ViewReading, Needs: Own, Why: "a program sees its own readings"},
	{Role: Service, Action: EditReading, Needs: Own | Draft | Reading, Not: Locked, Why: "drafts are changed by their reader"},
	{Role: Service, Action: LockReading, Needs: Own | Draft | Reading, Not: Locked, Why: "a reading is done when its program says so"},
	{Role: Service, Action: OwnProgress, Needs: Own, Why: "a program sees what it has still to do"},

	// An adjudicator: what they have to decide between, masked.
	{Role: Adjudicator, Action: ViewCase, Needs: Assigned, Any: Reading | Deciding, Not: MustRead, Why: "disagreements are decided on the pictures"},
	{Role: Adjudicator, Action: OpenReading, Needs: Own | Ready, Any: Reading | Deciding, Not: MustRead, Why: "an adjudication is opened by whom it is for"},
	{Role: Adjudicator, Action: ViewReading, Needs: Own, Why: "adjudicators see their own decisions"},
	{Role: Adjudicator, Action: ViewReading, Needs: Source | Locked, Not: MustRead, Masked: true, Why: "adjudicators see what they decide between, as masked readers"},
	{Role: Adjudicator, Action: EditReading, Needs: Own | Draft, Any: Reading | Deciding, Not: Locked | MustRead, Why: "drafts are changed by their author"},
	{Role: Adjudicator, Action: LockReading, Needs: Own | Draft, Any: Reading | Deciding, Not: Locked | MustRead, Why: "a decision is final when its author says so"},
	{Role: Adjudicator, Action: Comment, Any: Own | Source, Not: MustRead, Why: "comments belong to what one may see"},
	{Role: Adjudicator, Action: OwnProgress, Needs: Own, Why: "adjudicators see what they have still to decide"},

	// A coordinator: the study's course, and readings once reading is over.
	{Role: Coordinator, Action: ManageStudy, Not: Closed, Why: "the study is laid out by its coordinator"},
	{Role: Coordinator, Action: ViewCase, Not: MustRead, Why: "whoever prepares cases looks at them, unless they have to read them"},
	{Role: Coordinator, Action: ViewProgress, Masked: true, Why: "how far readers are, not what they found"},
	{Role: Coordinator, Action: ViewReading, Needs: Locked, Any: Deciding | Closed, Not: MustRead, Masked: true, Why: "readings are looked at when reading is over"},
	{Role: Coordinator, Action: ViewAgreement, Any: Deciding | Closed, Masked: true, Why: "agreement is known when reading is over: before, it could steer readers"},
	{Role: Coordinator, Action: Dispatch, Any: Reading | Deciding, Masked: true, Why: "disagreements are sent to adjudicators by rule, without being looked at"},
	{Role: Coordinator, Action: SignTruth, Any: Deciding | Closed, Why: "truth is signed when reading is over"},
	{Role: Coordinator, Action: Export, Any: Deciding | Closed, Masked: true, Why: "results leave when reading is over"},
	{Role: Coordinator, Action: ViewNames, Needs: Unmasked, Any: Deciding | Closed, Why: "names are shown to those who were unblinded"},

	// An administrator: people. What readers found is not theirs to see.
	{Role: Admin, Action: ManageMembers, Why: "members are added by an administrator"},
	{Role: Admin, Action: ViewProgress, Masked: true, Why: "how far readers are, not what they found"},
	{Role: Admin, Action: Unblind, Why: "unblinding is a decision of its own, with a reason, and logged"},
	{Role: Admin, Action: ViewNames, Why: "who added the members knows them; readings are not shown to administrators"},
	{Role: Admin, Action: ViewLog, Needs: Closed, Why: "the log holds every answer: it is opened when the study is closed"},

	{Role: Admin, Action: ViewAccess, Not: MustRead, Why: "who comes and asks is an administrator's to watch; it holds nothing that was found"},

	// An auditor: who came and asked, and the whole log when the study is closed.
	{Role: Auditor, Action: ViewProgress, Masked: true, Why: "how far readers are, not what they found"},
	{Role: Auditor, Action: ViewAccess, Not: MustRead, Masked: true, Why: "who comes and asks is looked at while it happens, readers by mask"},
	{Role: Auditor, Action: ViewAccess, Needs: Closed, Why: "an audit of a closed study names people"},
	{Role: Auditor, Action: ViewLog, Needs: Closed, Why: "the log holds every answer: it is opened when the study is closed"},
}
