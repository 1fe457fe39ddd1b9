import ArgumentParser
import Foundation
import GraphSimulator
import Platform
import Storage
import Wire

struct JournalCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "journal", abstract: "A cell's journal on this machine's disk.",
    subcommands: [Inspect.self, Verify.self, Repair.self])

  struct Location: ParsableArguments {
    @Argument(help: "The journal's directory, e.g. data/cells/cell-1/journal.")
    var directory: String

    @Flag(name: .long, help: "Print one JSON object as the last line.")
    var json = false

    /// Prints a result: as JSON in the last line, or as `text` for people.
    func show(_ result: some Encodable, _ text: (JSON) -> String) throws -> JSON {
      let encoder = JSONEncoder()
      encoder.keyEncodingStrategy = .convertToSnakeCase
      let object = try JSON(parsing: Array(try encoder.encode(result)))
      Console.out(json ? object.serialized() : text(object))
      return object
    }
  }

  struct Inspect: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "List segments, groups or records; reads only.")

    @OptionGroup var location: Location
    @Option(name: .long, help: "segments, groups or records.") var detail = "segments"
    @Option(name: .long, help: "From this cell seq on.") var from: UInt64 = 0
    @Option(name: .long, help: "At most this many groups.") var limit = 100

    func run() async throws {
      guard let detail = JournalInspection.Detail(rawValue: detail) else {
        throw ValidationError("--detail is segments, groups or records")
      }
      let found = try JournalCommand.caught {
        try JournalInspection.run(
          directory: location.directory, files: LiveFileSystem(), detail: detail,
          from: CellSeq(from), limit: limit)
      }
      _ = try location.show(found) { object in
        var table = Table("segment", "first", "last", "groups", "used bytes", "sealed")
        for segment in object["segments"]?.array ?? [] {
          table.add(
            segment.cell("name"), segment.cell("first_seq"), segment.cell("last_seq"),
            segment.cell("groups"), segment.cell("used_bytes"), segment.cell("is_sealed"))
        }
        let groups = (object["groups"]?.array ?? []).map { $0.serialized() }
        return ([table.text, "tail \(object.cell("tail"))"] + groups).joined(separator: "\n")
      }
    }
  }

  struct Verify: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Check every checksum and chain. Exit code 3 where anything is wrong.")

    @OptionGroup var location: Location

    func run() async throws {
      let found = try JournalCommand.caught {
        try JournalVerification.run(directory: location.directory, files: LiveFileSystem())
      }
      _ = try location.show(found) { object in
        (object.members ?? []).map { "\($0.name): \($0.value.cell)" }.joined(separator: "\n")
      }
      if !found.ok { exitProcess(.verificationFailed) }
    }
  }

  struct Repair: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Cut out what cannot be read and name what is lost; the cell must not run.")

    @OptionGroup var location: Location
    @Flag(name: .long, help: "Say that the loss is understood.") var acceptLoss = false

    func validate() throws {
      guard acceptLoss else {
        throw ValidationError("a repair gives up what it names; say --accept-loss")
      }
    }

    func run() async throws {
      let report = try JournalCommand.caught {
        let files = LiveFileSystem()
        // The tenants' files lie beside the journal; what they have needs no record.
        let data = URL(fileURLWithPath: location.directory).deletingLastPathComponent().path
        let applied = try AppliedSeqs.read(dataDirectory: data, files: files) { path, reason in
          Console.error("\(path) proves nothing: \(reason)")
        }
        return try JournalRepair.run(
          directory: location.directory, files: files, applied: applied)
      }
      _ = try location.show(report) { object in
        (object["ranges"]?.array ?? []).map { $0.serialized() }.joined(separator: "\n")
      }
    }
  }

  /// Turns the journal's own errors into refusals.
  static func caught<Value>(_ body: () throws -> Value) throws -> Value {
    do { return try body() } catch let error as JournalError {
      throw CommandFailure(.refused, code: "journal_error", detail: error.description)
    }
  }
}
