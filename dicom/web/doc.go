// Package web is DICOMweb (PS3.18): searching (QIDO-RS), retrieving (WADO-RS, WADO-URI) and storing (STOW-RS) over HTTP, as a server
// and as a client.
//
// A [Resource] names a study, series or instance in a URL, a [Query] a search for some, an [Attribute] one attribute in it, through
// sequences. A [Server] speaks the protocol and asks a [Backend] for the data; a [Client] asks other servers.
//
// Promises:
//   - Memory is constant whatever the size of a study: instances stream in both directions, one part after another.
//   - Nothing is answered with success that was not stored, and nothing that was refused is passed over: every instance of a request is
//     in the response with its own outcome.
//   - An answer that breaks off half-way breaks the connection; it never looks like a whole one.
//   - Media types are negotiated, never guessed: the transfer syntax of every part is in its Content-Type.
//   - No patient data in URLs beyond those that the standard puts there, and none in errors.
//
// What is supported is in docs/reference/dicomweb.md.
package web
