import Glibc
import Messaging
import Simulation
import Testing
import Wire

/// A deployment's authority and the certificates of its processes, in a directory of one test.
final class DeploymentFiles {
  let directory: CertificateDirectory
  private let clock: SimulatedWallClock
  let key: DeploymentKey
  private(set) var messengers: [NNGMessenger] = []
  private var issued: Set<String> = []

  init() throws {
    var template = Array("/tmp/aimstors-tls-XXXXXX".utf8CString)
    let path = try #require(mkdtemp(&template).map { String(cString: $0) })
    directory = CertificateDirectory(path: path)
    // The TLS library compares with the machine's clock.
    clock = SimulatedWallClock(milliseconds: Int64(time(nil)) * 1_000)
    key = try #require(DeploymentKey(SeededRandomSource(seed: 5).bytes(32)))
    _ = try directory.createAuthority(name: "test", days: 10, clock: clock)
  }

  func file(_ id: String) -> String { "\(directory.path)/\(id).pem" }

  func issue(_ id: String, hosts: [String] = ["127.0.0.1"]) throws -> String {
    let request = try CertificateRequest(name: id, hosts: hosts, days: 5)
    _ = try directory.issue(request, to: file(id), clock: clock)
    issued.insert(id)
    return file(id)
  }

  func messenger(_ id: String, hosts: [String] = ["127.0.0.1"]) throws -> NNGMessenger {
    let messenger = NNGMessenger(
      identity: PeerIdentity(role: .cell, id: id, generation: .first), key: key,
      tls: TLSFiles(
        authority: directory.authorityFile, certificateAndKey: try issue(id, hosts: hosts)),
      random: SeededRandomSource(seed: UInt64(truncatingIfNeeded: id.hashValue)))
    messengers.append(messenger)
    return messenger
  }

  /// Puts certificates of `other` where this deployment's process `id` reads its own.
  func replace(_ id: String, from other: DeploymentFiles) throws {
    try #require(rename(try other.issue(id), file(id)) == 0)
    let authority = try CertificateDirectory.read(other.directory.authorityFile)
    try overwrite(directory.authorityFile, authority)
  }

  func damage(_ id: String) throws { try overwrite(file(id), "not a certificate") }

  func remove() {
    for name in ["ca.pem", "ca.key"] { unlink("\(directory.path)/\(name)") }
    for id in issued { unlink(file(id)) }
    rmdir(directory.path)
  }

  private func overwrite(_ path: String, _ text: String) throws {
    let stream = try #require(fopen(path, "w"))
    fputs(text, stream)
    try #require(fclose(stream) == 0)
  }
}

func withDeploymentFiles(
  _ body: (DeploymentFiles) async throws -> Void
) async throws {
  let files = try DeploymentFiles()
  defer { files.remove() }
  do {
    try await body(files)
  } catch {
    for messenger in files.messengers { await messenger.close() }
    throw error
  }
  for messenger in files.messengers { await messenger.close() }
}
