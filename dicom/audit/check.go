package audit

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/cineloop/cineloop/internal/fault"
)

// Check says where the message is not of the schema's form, or lacks what A.5.3 makes mandatory for its event.
func (m *Message) Check() error {
	c := &checker{}
	e := m.Event
	c.code("EventID", e.ID)
	for _, t := range e.Types {
		c.code("EventTypeCode", t)
	}
	c.oneOf("EventActionCode", e.Action, "", Create, Read, Update, Delete, Execute)
	c.oneOf("EventOutcomeIndicator", e.Outcome, Success, MinorFailure, SeriousFailure, "12")
	if e.At.IsZero() {
		c.add("EventDateTime is missing")
	}
	c.text("EventOutcomeDescription", e.Description)
	if len(m.Participants) == 0 {
		c.add("ActiveParticipant is missing")
	}
	requestors := 0
	for _, p := range m.Participants {
		c.participant(p)
		if p.Requestor {
			requestors++
		}
	}
	if requestors > 1 { // A.5.2, UserIsRequestor
		c.add("more than one requestor")
	}
	if m.Source.ID == "" {
		c.add("AuditSourceID is missing")
	}
	c.text("AuditSourceID", m.Source.ID)
	for _, o := range m.Objects {
		c.object(o)
	}
	c.event(m)
	if len(c.faults) == 0 {
		return nil
	}
	return fault.New(fault.Input, "the audit message: %s", strings.Join(c.faults, "; "))
}

type checker struct{ faults []string }

func (c *checker) add(text string) { c.faults = append(c.faults, text) }

func (c *checker) oneOf(name, value string, of ...string) {
	if !slices.Contains(of, value) {
		c.add(name + " is none of those that there are")
	}
}

func (c *checker) code(name string, v Code) {
	if v.Value == "" || v.Scheme == "" || v.Meaning == "" {
		c.add(name + " lacks a code, its scheme or its meaning")
	}
	for _, s := range []string{v.Value, v.Scheme, v.Display, v.Meaning} {
		c.text(name, s)
	}
}

// text refuses what XML 1.0 has no way to write.
func (c *checker) text(name, s string) {
	if !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool {
		return r < 0x20 && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF
	}) {
		c.add(name + " holds what XML can't")
	}
}

func (c *checker) participant(p Participant) {
	if p.UserID == "" {
		c.add("UserID is missing")
	}
	for _, s := range []string{p.UserID, p.Alternative, p.UserName, p.Access} {
		c.text("ActiveParticipant", s)
	}
	c.oneOf("NetworkAccessPointTypeCode", p.AccessKind, "", "1", "2", "3", "4", "5")
	if (p.Access == "") != (p.AccessKind == "") {
		c.add("NetworkAccessPointID and its type go together")
	}
	for _, r := range p.Roles {
		c.code("RoleIDCode", r)
	}
	if p.Media != nil {
		c.code("MediaType", p.Media.Type)
	}
}

func (c *checker) object(o Object) {
	if o.ID == "" {
		c.add("ParticipantObjectID is missing")
	}
	c.text("ParticipantObjectID", o.ID)
	c.text("ParticipantObjectName", o.Name)
	c.code("ParticipantObjectIDTypeCode", o.IDType)
	if (o.Name == "") == (len(o.Query) == 0) {
		c.add("ParticipantObjectName or ParticipantObjectQuery, one of the two")
	}
	c.oneOf("ParticipantObjectTypeCode", o.Type, "", "1", "2", "3", "4")
	c.oneOf("ParticipantObjectTypeCodeRole", o.Role, "", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15", "16", "17", "18", "19", "20", "21", "22",
		"23", "24", "25", "26")
	c.oneOf("ParticipantObjectDataLifeCycle", o.LifeCycle, "", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15")
	for _, d := range o.Details {
		c.text("ParticipantObjectDetail", d.Type)
		if d.Type == "" {
			c.add("ParticipantObjectDetail lacks its type")
		}
	}
}

// event is what A.5.3 makes mandatory.
func (c *checker) event(m *Message) {
	has := func(role Code) bool {
		return slices.ContainsFunc(m.Participants, func(p Participant) bool { return slices.Contains(p.Roles, role) })
	}
	about := func(idType Code) bool {
		return slices.ContainsFunc(m.Objects, func(o Object) bool { return o.IDType == idType })
	}
	typed := func(types ...Code) bool {
		return slices.ContainsFunc(m.Event.Types, func(t Code) bool { return slices.Contains(types, t) })
	}
	need := func(ok bool, what string) {
		if !ok {
			c.add(m.Event.ID.Meaning + ": " + what)
		}
	}
	switch m.Event.ID {
	case ApplicationActivity:
		need(typed(ApplicationStart, ApplicationStop), "start or stop")
		need(has(Application), "the application")
		need(m.Event.Action == Execute, "action E")
	case AuditLogUsed:
		need(m.Event.Action == Read, "action R")
		need(about(URI), "the log")
	case InstancesAccessed:
		need(m.Event.Action != "" && m.Event.Action != Execute, "action C, R, U or D")
		need(about(StudyInstanceUID), "the studies")
		need(about(PatientNumber), "the patient")
	case Export:
		need(m.Event.Action == Read, "action R")
		need(has(SourceRole) && has(DestinationMedia), "who exports, and the medium")
		need(about(PatientNumber), "the patients")
	case Query:
		need(m.Event.Action == Execute, "action E")
		need(has(SourceRole) && has(Destination), "who asks, and who answers")
		need(len(m.Objects) > 0, "what was asked")
	case SecurityAlert:
		need(m.Event.Action == Execute, "action E")
		need(len(m.Event.Types) > 0, "which alert")
	case UserAuthentication:
		need(m.Event.Action == Execute, "action E")
		need(typed(Login, Logout), "login or logout")
		need(len(m.Participants) > 0 && m.Participants[0].Access != "", "the network access point")
	}
}
