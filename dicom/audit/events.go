package audit

import "time"

// Codes of events, of their types, of roles and of identifiers (PS3.16 CID 400 to 405, and RFC 3881's, as A.5 takes them over).
var (
	ApplicationActivity = dcm("110100", "Application Activity")
	AuditLogUsed        = dcm("110101", "Audit Log Used")
	InstancesAccessed   = dcm("110103", "DICOM Instances Accessed")
	Export              = dcm("110106", "Export")
	Query               = dcm("110112", "Query")
	SecurityAlert       = dcm("110113", "Security Alert")
	UserAuthentication  = dcm("110114", "User Authentication")

	ApplicationStart      = dcm("110120", "Application Start")
	ApplicationStop       = dcm("110121", "Application Stop")
	Login                 = dcm("110122", "Login")
	Logout                = dcm("110123", "Logout")
	SecurityConfiguration = dcm("110129", "Security Configuration")
	RestrictedFunction    = dcm("110132", "Use of Restricted Function")
	AttributesChanged     = dcm("110135", "Object Security Attributes Changed")
	RolesChanged          = dcm("110136", "Security Roles Changed")
	UserChanged           = dcm("110137", "User Security Attributes Changed")

	Application      = dcm("110150", "Application")
	Launcher         = dcm("110151", "Application Launcher")
	Destination      = dcm("110152", "Destination Role ID")
	SourceRole       = dcm("110153", "Source Role ID")
	DestinationMedia = dcm("110154", "Destination Media")
	MediaURI         = dcm("110037", "URI")

	StudyInstanceUID = dcm("110180", "Study Instance UID")
	PatientNumber    = rfc("2", "Patient Number")
	ReportNumber     = rfc("9", "Report Number")
	UserIdentifier   = rfc("11", "User Identifier")
	URI              = rfc("12", "URI")

	WebServer = Code{Value: "3"}
)

func dcm(value, meaning string) Code { return Code{Value: value, Scheme: "DCM", Meaning: meaning} }
func rfc(value, meaning string) Code {
	return Code{Value: value, Scheme: "RFC-3881", Meaning: meaning}
}

// Process is the program that reports, as a participant: its name and where it runs.
type Process struct{ ID, Node string }

func (p Process) participant(roles ...Code) Participant {
	out := Participant{UserID: p.ID, UserName: "cineloop", Roles: roles}
	if p.Node != "" {
		out.Access, out.AccessKind = p.Node, ByName
	}
	return out
}

// New is a message of an event at a time, by who asked for it and the process that did it. The table of A.5.3 for the event says which roles they play.
func New(id Code, action string, at time.Time, outcome string, who Participant, p Process, types ...Code) *Message {
	m := &Message{Event: Event{ID: id, Action: action, At: Time{at}, Outcome: outcome, Types: types}}
	switch id {
	case ApplicationActivity: // A.5.3.1: the application, and who started it
		who.Roles = append(who.Roles, Launcher)
		m.Participants = []Participant{p.participant(Application), who}
	case Query: // A.5.3.10: issuing and answering
		who.Roles = append(who.Roles, SourceRole)
		m.Participants = []Participant{who, p.participant(Destination)}
	case Export: // A.5.3.4: who and what exports; the medium is added by To
		who.Roles = append(who.Roles, SourceRole)
		m.Participants = []Participant{who, p.participant(SourceRole)}
	default:
		m.Participants = []Participant{who, p.participant()}
	}
	m.Source = Source{ID: p.Node, Types: []Code{WebServer}}
	return m
}

// To adds the medium that data are exported to.
func (m *Message) To(uri string) *Message {
	m.Participants = append(m.Participants, Participant{UserID: uri, Roles: []Code{DestinationMedia}, Media: &Media{MediaURI}})
	return m
}

// About adds objects.
func (m *Message) About(objects ...Object) *Message {
	m.Objects = append(m.Objects, objects...)
	return m
}

// Study is an object by its Study Instance UID; Patient, Report, Resource and User are the others that these events have.
func Study(uid string) Object {
	return Object{ID: uid, Type: "2", Role: "3", IDType: StudyInstanceUID, Name: "study"}
}

// Patient is a patient by a number.
func Patient(number string) Object {
	return Object{ID: number, Type: "1", Role: "1", IDType: PatientNumber, Name: "patient"}
}

// Report is a document, such as a reading, by its number.
func Report(number, name string) Object {
	return Object{ID: number, Type: "2", Role: "3", IDType: ReportNumber, Name: name}
}

// Resource is what guards or steers others, by a URI; description says what happened to it, where that has to be said.
func Resource(uri, name, description string) Object {
	o := Object{ID: uri, Type: "2", Role: "13", IDType: URI, Name: name}
	if description != "" {
		o.Details = []Detail{{"Alert Description", Binary(description)}}
	}
	return o
}

// Asked is what was asked for: a URI, and the query itself.
func Asked(uri string, query []byte) Object {
	return Object{ID: uri, Type: "2", Role: "24", IDType: URI, Query: query}
}

// User is somebody as an object.
func User(id string) Object {
	return Object{ID: id, Type: "1", Role: "11", IDType: UserIdentifier, Name: "member"}
}
