import Messaging
import Platform
import Wire

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

// One end of a connection in a process of its own, so that a test can stop it.
//
// `serve`: listens and writes its address; answers requests, but one whose payload is 1 never.
// `ask ADDRESS`: asks once, writes "ready", then for each line read what became of the connection.
// Both end with their standard input.

func write(line: String) { _ = "\(line)\n".withCString { write(STDOUT_FILENO, $0, strlen($0)) } }

func waitForLine() -> Bool {
  var byte: UInt8 = 0
  return read(STDIN_FILENO, &byte, 1) == 1
}

guard let key = DeploymentKey([UInt8](repeating: 7, count: DeploymentKey.byteCount)) else {
  fatalError("a key of the right length is a key")
}
let messenger = NNGMessenger(
  identity: PeerIdentity(role: .tool, id: "child", generation: .first), key: key,
  random: LiveRandomSource())

if CommandLine.arguments[1] == "serve" {
  let address = try await messenger.listen(at: Address("tcp://127.0.0.1:0")) { request in
    if request.payload == [1] { try? await Task.sleep(for: .seconds(3_600)) }
    return request.payload
  }
  write(line: address.url)
  while waitForLine() {}
} else {
  let peer = messenger.peer(at: Address(CommandLine.arguments[2]))
  _ = try await peer.request(.http, [], timeout: .seconds(60), traceID: "")
  write(line: "ready")
  while waitForLine() {
    let metrics = messenger.metrics.peers[0]
    write(line: "connections \(metrics.connections) silences \(metrics.silences)")
  }
}
