// Package dimse speaks DICOM on the network (PS3.7, PS3.8): the services C-ECHO, C-STORE, C-FIND, C-MOVE, C-GET and storage commitment, as
// SCU and as SCP.
//
// A [Dialer] asks a [Peer] for an association and gives a [Client], whose methods are the services. A [Server] answers associations, and
// passes what peers ask to its handlers: [Store], [Query], [Retrieve], [Commit], [Reports]. Package ul is the upper layer beneath,
// package match the matching of queries; store/serve puts an archive behind the handlers.
//
// Promises:
//   - Data sets stream: an object is in nobody's memory, in neither direction, unless it must be transcoded. Who reads slowly makes the
//     sender wait.
//   - What a peer can make this side hold is bounded: units by their announced length, command sets by 64 KiB, identifiers by 4 MiB each
//     and 8 MiB together, operations by the asynchronous window, associations by the server's limits.
//   - A peer that is silent, slow, malformed or gone costs one association until a time-out ends it, and nobody else anything.
//   - Objects are taken and sent as they are, byte for byte, in whatever transfer syntax they have; they are transcoded, without loss, only
//     where the peer did not accept that syntax.
//   - A C-STORE is answered when its handler has returned. Operations of an asynchronous window run at once, so that handlers can share what
//     makes objects durable.
//   - Cancelling a context, or leaving the loop over a query's answers, sends C-CANCEL; C-CANCEL from a peer ends the handler's context.
//   - Servers and clients leave no goroutine and no connection behind when they have been closed.
//   - No error, status comment or event holds a value of a data set. AE titles, addresses and UIDs of classes and syntaxes are not patient
//     data; UIDs of instances appear in none of them.
package dimse
