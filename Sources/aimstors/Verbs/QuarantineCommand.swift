import ArgumentParser
import GraphSimulator

struct QuarantineCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "quarantine", abstract: "Webhook parts that wait for their owner.",
    subcommands: [List.self, Replay.self, Discard.self])

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "List what waits, and why.")

    @Option(name: .long, help: "At most this many.") var limit = 100
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
      let api = try connection.connection()
      let entries = try await api.list(.admin, "/v1/quarantine", limit: limit)
      var table = Table("id", "received", "reason", "meta app", "tenant", "bytes")
      for entry in entries {
        table.add(
          entry.cell("id"), entry.cell("received_at"), entry.cell("reason"),
          entry.cell("meta_app"), entry.cell("tenant_id"), entry.cell("body_bytes"))
      }
      api.show(["data": .array(entries), "next_cursor": .null], table.text)
    }
  }

  struct Replay: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Deliver one now; refused while nobody owns it.")

    @Argument(help: "The entry's id.") var id: String
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
      let api = try connection.connection()
      let answer = try await api.send(.admin, "POST", "/v1/quarantine/\(id)/replay")
      api.show(answer, "\(answer.cell("id")): \(answer.cell("state"))")
    }
  }

  struct Discard: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Remove one for good; who, why and its hash stay in the audit.")

    @Argument(help: "The entry's id.") var id: String
    @Option(name: .long, help: "Why nobody will ever want it.") var reason: String
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
      let api = try connection.connection()
      let answer = try await api.send(
        .admin, "DELETE", "/v1/quarantine/\(id)?reason=\(Self.escaped(reason))")
      api.show(answer, "\(answer.cell("id")): \(answer.cell("state"))")
    }

    /// As it may stand in a query: everything but letters and digits by its bytes.
    static func escaped(_ text: String) -> String {
      let digits = Array("0123456789ABCDEF")
      return text.utf8.reduce(into: "") { result, byte in
        let character = Character(UnicodeScalar(byte))
        if byte < 0x80, character.isLetter || character.isNumber {
          result.append(character)
        } else {
          result += "%\(digits[Int(byte >> 4)])\(digits[Int(byte & 15)])"
        }
      }
    }
  }
}
