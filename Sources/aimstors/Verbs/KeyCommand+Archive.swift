import Archive
import ArgumentParser
import GraphSimulator
import Platform

extension KeyCommand {
  /// Where the archive key lies.
  struct ArchiveKeyOptions: ParsableArguments {
    @Option(name: .long, help: "The archive key's file; default: keys/archive.key of the data.")
    var keyFile: String?
    @Flag(name: .long, help: "Print one JSON object as the last line.") var json = false

    var path: String { keyFile ?? Environment.live.dataDirectory + "/keys/archive.key" }
  }

  struct Backup: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Copy the archive key to a file; keep it away from the archive and the machine.")

    @Option(name: .long, help: "The copy; must not exist.") var to: String
    @OptionGroup var options: ArchiveKeyOptions

    func run() async throws {
      let keys = try ArchiveKeyFile.require(options.path)
      guard try PrivateFile.read(to) == nil else {
        throw CommandFailure(.refused, code: "file_exists", detail: "\(to) exists")
      }
      guard let content = try PrivateFile.read(options.path) else {
        throw CommandFailure(.refused, code: "archive_key_missing", detail: options.path)
      }
      try PrivateFile.write(content, to: to)
      guard try ArchiveKeyFile.read(to) == keys else {
        throw CommandFailure(
          .verificationFailed, code: "backup_differs", detail: "\(to) is not what was written")
      }
      let answer: JSON = [
        "key_id": JSON(keys.newest.id), "deployment": JSON(keys.deployment), "to": JSON(to),
        "keys": JSON(keys.all.count),
      ]
      let text =
        keys.all.count == 1
        ? "key \(keys.newest.id) is" : "key \(keys.newest.id) and \(keys.all.count - 1) older are"
      Console.out(options.json ? answer.serialized() : "\(text) in \(to)")
    }
  }

  struct Verify: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Check that an archive key is whole and, with --archive, that it opens the archive."
    )

    @Argument(help: "The file to check; default: the key in use.") var file: String?
    @Option(name: .long, help: "A directory that objects are archived in.") var archive: String?
    @Option(
      name: .long, help: "A process's configuration file, which names the archive of either kind.")
    var config: String?
    @OptionGroup var options: ArchiveKeyOptions

    func run() async throws {
      let path = file ?? options.path
      let keys = try ArchiveKeyFile.require(path)
      var opened = 0
      if let store = try store() {
        do throws(ArchiveError) {
          opened = try await ArchiveKeyCheck(store, keys).run()
        } catch {
          throw CommandFailure(.verificationFailed, code: error.code, detail: error.description)
        }
        guard opened > 0 else {
          throw CommandFailure(
            .verificationFailed, code: "archive_empty", detail: "the archive holds no claim")
        }
      }
      let answer: JSON = [
        "key_id": JSON(keys.newest.id), "deployment": JSON(keys.deployment),
        "objects_opened": JSON(opened),
      ]
      Console.out(
        options.json
          ? answer.serialized() : "\(path) is key \(keys.newest.id); it opened \(opened) objects")
    }

    private func store() throws -> (any ObjectStore)? {
      if let config {
        do {
          guard let node = try RoleOptions.read(config).child("archive") else {
            throw CommandFailure(.usage, code: "no_archive", detail: "\(config) names no archive")
          }
          return try ArchiveSettings(node).store()
        } catch let error as ConfigurationError { throw error.failure }
      }
      return archive.map {
        DirectoryStore(root: $0, files: LiveFileSystem(), random: LiveRandomSource())
      }
    }
  }
}
