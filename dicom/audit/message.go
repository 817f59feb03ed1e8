package audit

import (
	"encoding/base64"
	"encoding/xml"
	"time"
)

// Code is a coded value (A.5.1.1, CodedValueType).
type Code struct {
	Value   string `xml:"csd-code,attr"`
	Scheme  string `xml:"codeSystemName,attr,omitempty"`
	Display string `xml:"displayName,attr,omitempty"`
	Meaning string `xml:"originalText,attr,omitempty"`
}

// Message is one event.
type Message struct {
	XMLName      xml.Name      `xml:"AuditMessage"`
	Event        Event         `xml:"EventIdentification"`
	Participants []Participant `xml:"ActiveParticipant"`
	Source       Source        `xml:"AuditSourceIdentification"`
	Objects      []Object      `xml:"ParticipantObjectIdentification"`
}

// Actions of an event.
const (
	Create  = "C"
	Read    = "R"
	Update  = "U"
	Delete  = "D"
	Execute = "E"
)

// Outcomes of an event.
const (
	Success        = "0"
	MinorFailure   = "4" // it can be tried again
	SeriousFailure = "8"
)

// Event says what happened.
type Event struct {
	Action      string `xml:"EventActionCode,attr,omitempty"`
	At          Time   `xml:"EventDateTime,attr"`
	Outcome     string `xml:"EventOutcomeIndicator,attr"`
	ID          Code   `xml:"EventID"`
	Types       []Code `xml:"EventTypeCode"`
	Description string `xml:"EventOutcomeDescription,omitempty"`
}

// Time is written with its time zone (A.5.2.5), to the millisecond.
type Time struct{ time.Time }

// MarshalText is xsd:dateTime in UTC.
func (t Time) MarshalText() ([]byte, error) {
	return []byte(t.UTC().Format("2006-01-02T15:04:05.000Z")), nil
}

// Kinds of network access points.
const (
	ByName    = "1"
	ByAddress = "2"
)

// Participant is somebody, a process or a medium that took part.
type Participant struct {
	UserID      string `xml:"UserID,attr"`
	Alternative string `xml:"AlternativeUserID,attr,omitempty"`
	UserName    string `xml:"UserName,attr,omitempty"`
	Requestor   bool   `xml:"UserIsRequestor,attr"`
	Access      string `xml:"NetworkAccessPointID,attr,omitempty"`
	AccessKind  string `xml:"NetworkAccessPointTypeCode,attr,omitempty"`
	Roles       []Code `xml:"RoleIDCode"`
	Media       *Media `xml:"MediaIdentifier"`
}

// Media is what a medium is.
type Media struct {
	Type Code `xml:"MediaType"`
}

// Source is the system that reports.
type Source struct {
	Site  string `xml:"AuditEnterpriseSiteID,attr,omitempty"`
	ID    string `xml:"AuditSourceID,attr"`
	Types []Code `xml:"AuditSourceTypeCode"`
}

// Object is what the event was about.
type Object struct {
	ID          string   `xml:"ParticipantObjectID,attr"`
	Type        string   `xml:"ParticipantObjectTypeCode,attr,omitempty"`     // 1 person, 2 system object
	Role        string   `xml:"ParticipantObjectTypeCodeRole,attr,omitempty"` // 1 patient, 3 report, 11 user, 13 security resource, …
	LifeCycle   string   `xml:"ParticipantObjectDataLifeCycle,attr,omitempty"`
	Sensitivity string   `xml:"ParticipantObjectSensitivity,attr,omitempty"`
	IDType      Code     `xml:"ParticipantObjectIDTypeCode"`
	Name        string   `xml:"ParticipantObjectName,omitempty"` // or Query
	Query       Binary   `xml:"ParticipantObjectQuery,omitempty"`
	Details     []Detail `xml:"ParticipantObjectDetail"`
}

// Binary is written in base64.
type Binary []byte

// MarshalText is xsd:base64Binary.
func (b Binary) MarshalText() ([]byte, error) {
	return []byte(base64.StdEncoding.EncodeToString(b)), nil
}

// Detail is a named value.
type Detail struct {
	Type  string `xml:"type,attr"`
	Value Binary `xml:"value,attr"`
}

// XML is the message as an XML document on one line. Code input where it is not of the form.
func (m *Message) XML() ([]byte, error) {
	if err := m.Check(); err != nil {
		return nil, err
	}
	b, err := xml.Marshal(m)
	if err != nil {
		return nil, err
	}
	return append([]byte(`<?xml version="1.0" encoding="UTF-8"?>`), b...), nil
}
