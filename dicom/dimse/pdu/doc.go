// Package pdu encodes and decodes the protocol data units of the DICOM upper layer: the seven of PS3.8 section 9.3 with every
// sub-item of the user information (PS3.8 annex D, PS3.7 annex D.3.3).
//
// A unit is a [Header] and a body. Bodies are decoded from bytes that the caller has read, so whoever reads decides how many; nothing
// here allocates more than the body's own size. Every body gives a value or an error, never a panic. Reserved fields are not tested
// (PS3.8 section 9.3.1), unknown items are passed over.
package pdu
