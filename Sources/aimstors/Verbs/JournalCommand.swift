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
    @Option(name: .long, help: "segments, groups, records or commands.") var detail = "segments"
    @Option(name: .long, help: "From this cell seq on.") var from: UInt64 = 0
    @Option(name: .long, help: "At most this many groups.") var limit = 100

    func run() async throws {
      guard let detail = JournalInspection.Detail(rawValue: detail) else {
        throw ValidationError("--detail is segments, groups, records or commands")
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
        let tables = JournalCommand.tables(of: object["groups"]?.array ?? [], detail)
        return ([table.text, "tail \(object.cell("tail"))"] + tables).joined(separator: "\n")
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
      _ = try location.show(found, JournalCommand.verification)
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
        let applied = try AppliedSeqs.files(dataDirectory: data, files: files) { path, reason in
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

  /// Groups, or the records in them, as tables.
  static func tables(of groups: [JSON], _ detail: JournalInspection.Detail) -> [String] {
    guard !groups.isEmpty else { return [] }
    guard detail == .records || detail == .commands else {
      var table = Table("segment", "offset", "group", "kind", "first", "last", "bytes")
      for group in groups {
        table.add(
          group.cell("segment"), group.cell("offset"), group.cell("number"), group.cell("kind"),
          group.cell("first_seq"), group.cell("last_seq"), group.cell("bytes"))
      }
      return [table.text]
    }
    var table = Table(
      "cell seq", "group", "tenant", "tenant seq", "epoch", "kind", "commands", "bytes")
    for group in groups {
      for record in group["records"]?.array ?? [] {
        table.add(
          record.cell("cell_seq"), group.cell("number"), record.cell("tenant"),
          record.cell("tenant_seq"), record.cell("epoch"), record.cell("kind"),
          record.cell("commands"), record.cell("payload_bytes"))
        for (index, request) in (record["requests"]?.array ?? []).enumerated() {
          let point = "\(record.cell("tenant_seq")).\(index + 1)"
          table.add("", "", "", point, "", "command", request.string ?? "", "")
        }
      }
    }
    return [table.text]
  }

  /// What a check found, its answer first.
  static func verification(_ object: JSON) -> String {
    var table = Table("what", "found")
    table.add("ok", object.cell("ok"))
    for name in [
      "cell", "generation", "segments", "groups", "records", "commands", "void_records",
      "tenants", "first_seq", "last_seq", "bytes", "repaired_gaps", "missing_records", "tail",
    ] { table.add(name.replacing("_", with: " "), object.cell(name)) }
    let faults = ["damage", "chain_breaks"].flatMap { name in
      (object[name]?.array ?? []).map { "\(name): \($0.serialized())" }
    }
    let heads = (object["heads_problem"]?.string).map { ["heads_problem: \($0)"] } ?? []
    return ([table.text] + faults + heads).joined(separator: "\n")
  }

  /// Turns the journal's own errors into refusals.
  static func caught<Value>(_ body: () throws -> Value) throws -> Value {
    do { return try body() } catch let error as JournalError {
      throw CommandFailure(inUse: error)
        ?? CommandFailure(.refused, code: "journal_error", detail: error.description)
    }
  }
}
