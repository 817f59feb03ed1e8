// Package audit writes DICOM audit messages: XML by the schema of PS3.15 A.5.1, with the events of A.5.3 that a system which shows, takes in and gives
// out readings has, and their transport in syslog's frames (RFC 5424 and 5425, as A.6 asks).
//
// A [Message] is one event: what it was, who took part, which system reports it, and what it was about. An [Event] constructor fills in what A.5.3 fixes
// for it, [Message.Check] says where a message is not of the form.
//
// Promises:
//   - What Check passes is valid by the schema; tests hold the messages against it with a validator of RELAX NG.
//   - Codes are DCM's, and have the standard's meanings.
//   - Text is escaped as XML asks; what XML can't hold is an error, not left out.
//
// The package does not know who or what somebody is: identifiers are the caller's, who sees to it that none is a patient's.
package audit
