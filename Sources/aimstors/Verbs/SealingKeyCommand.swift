import ArgumentParser
import Cryptography
import GraphSimulator
import Platform

/// The keys under which secrets are sealed at rest.
struct SealingKeyCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sealing-key", abstract: "The keys that secrets are sealed with: rotate, retire.",
    subcommands: [Show.self, Rotate.self, Retire.self])

  struct Options: ParsableArguments {
    @Option(name: .long, help: "The key file; default: AIMSTORS_KEY_FILE, or that of the data.")
    var keyFile: String?
    @Flag(name: .long, help: "Print one JSON object as the last line.") var json = false

    var path: String {
      keyFile ?? Environment.live["AIMSTORS_KEY_FILE"]
        ?? Environment.live.dataDirectory + "/keys/sealing.key"
    }

    func show(_ keys: SealingKeys) {
      let names = keys.sealing.map { SealingKeyFile.name($0) }
      guard json else {
        return Console.out(
          "\(path): seals with \(names[0])"
            + (names.count > 1 ? ", opens \(names.dropFirst().joined(separator: " "))" : ""))
      }
      let object: JSON = [
        "path": JSON(path), "seals_with": JSON(names[0]),
        "opens": .array(names.map { JSON($0) }),
        "audit_root_set": .bool(keys.auditRoot != nil),
      ]
      Console.out(object.serialized())
    }

    func write(_ keys: SealingKeys) throws {
      try PrivateFile.write(Array(SealingKeyFile.text(keys).utf8), to: path)
      guard try SealingKeyFile.read(path) == keys else {
        throw CommandFailure(
          .verificationFailed, code: "key_file_differs", detail: "\(path) is not what was written")
      }
    }
  }

  struct Show: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Name the keys; shows none.")
    @OptionGroup var options: Options

    func run() async throws { options.show(try SealingKeyFile.require(options.path)) }
  }

  struct Rotate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Add a key that seals from now on; cells take it up within seconds.",
      discussion: """
        Every machine whose cells share tenants needs the same file: rotate on one, copy the file
        to the others. Cells seal what they keep anew by themselves; `aimstors_reseal_left` in
        their metrics says how many tenants are left.
        """)
    @OptionGroup var options: Options

    func run() async throws {
      let keys = try SealingKeyFile.require(options.path)
      guard keys.sealing.count < SealingKeyFile.maximumKeys else {
        throw CommandFailure(
          .refused, code: "too_many_keys", detail: "retire older keys before you add another")
      }
      let key = LiveRandomSource().bytes(AuthenticatedCipher.keyBytes)
      let rotated = SealingKeyFile.rotated(keys, with: key)
      try options.write(rotated)
      options.show(rotated)
    }
  }

  struct Retire: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Remove all but the newest key; only when no cell has a tenant left to seal.",
      discussion: """
        Answers kept under idempotency keys stay sealed with the key of their day: retire a key a
        day after its rotation, or repeats of that day's key creations are refused.
        """)
    @Flag(
      name: .long, help: "aimstors_reseal_left of all cells and the control plane is 0, for a day.")
    var allCellsAreDone = false
    @OptionGroup var options: Options

    func run() async throws {
      guard allCellsAreDone else {
        throw CommandFailure(
          .refused, code: "confirmation_missing",
          detail: "look at aimstors_reseal_left of every cell and the control plane, then say "
            + "--all-cells-are-done")
      }
      let retired = SealingKeyFile.retired(try SealingKeyFile.require(options.path))
      try options.write(retired)
      options.show(retired)
    }
  }
}
