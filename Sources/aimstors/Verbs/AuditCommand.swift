import ArgumentParser
import Cryptography
import GraphSimulator
import Trust

struct AuditCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "audit", abstract: "Audit logs: verify what was exported.",
    subcommands: [Verify.self])

  struct Verify: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Verify an exported audit log without asking anybody.",
      discussion: """
        The file is the export of GET /v1/audit/export, its pages put together. --key is the log's
        own key, --witness-key the control plane's. A checkpoint that you have kept, or that the
        control plane answers at /v1/audit/witness/{tenant}, shows a log that was cut or
        rewritten since. Exit code 3: the log is not what was signed.
        """)

    @Argument(help: "The exported file.") var file: String
    @Option(name: .long, help: "The log's key, 64 hexadecimal digits.") var key: String
    @Option(name: .long, help: "The witness's key: its signature is asked for.")
    var witnessKey: String?
    @Option(name: .long, help: "A file with a checkpoint to compare with.")
    var checkpoint: String?
    @Flag(name: .long, help: "Accept entries after the newest checkpoint, which nobody signed yet.")
    var allowTail = false
    @Flag(name: .long) var json = false

    func run() async throws {
      let log = try Self.readKey(key, "--key")
      let witness = try witnessKey.map { try Self.readKey($0, "--witness-key") }
      var held: [Checkpoint] = []
      if let checkpoint {
        let text = String(decoding: try Self.read(checkpoint), as: UTF8.self)
        guard let known = Checkpoint(text) else {
          throw ValidationError("\(checkpoint) holds no checkpoint")
        }
        held.append(known)
      }
      let source = try AuditFile(path: file)
      let verifier = AuditVerifier(
        key: log, witness: witness, held: held, allowsTail: allowTail)
      do {
        show(try await source.verify(verifier))
      } catch let error as AuditVerifier.Finding {
        throw CommandFailure(.verificationFailed, code: error.fault.rawValue, detail: error.detail)
      }
    }

    private func show(_ verdict: AuditVerifier.Verdict) {
      let text =
        "\(verdict.origin): \(verdict.entries) entries, \(verdict.signed) signed, "
        + "\(verdict.witnessed) witnessed"
      guard json else { return Console.out(text) }
      let object: JSON = [
        "origin": JSON(verdict.origin), "entries": JSON(Int(verdict.entries)),
        "signed": JSON(Int(verdict.signed)), "witnessed": JSON(Int(verdict.witnessed)),
        "root": JSON(verdict.root.hexText),
      ]
      Console.out(object.serialized())
    }

    private static func readKey(_ text: String, _ option: String) throws -> VerifyingKey {
      guard let key = [UInt8](hexText: text).flatMap({ VerifyingKey($0) }) else {
        throw ValidationError("\(option) takes 64 hexadecimal digits")
      }
      return key
    }

    private static func read(_ path: String) throws -> [UInt8] {
      guard let bytes = try PrivateFile.read(path) else {
        throw CommandFailure(.refused, code: "not_found", detail: "there is no file \(path)")
      }
      return bytes
    }
  }
}
