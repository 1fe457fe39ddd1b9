import Archive
import ArgumentParser
import GraphSimulator
import Platform

/// The keys that the archive is sealed with; a backup of them is `aimstors key backup`.
struct ArchiveKeyCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "archive-key", abstract: "The keys that the archive is sealed with.",
    subcommands: [Show.self, Rotate.self])

  struct Show: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Name the keys, with --archive also how many objects each has sealed.")

    @Option(name: .long, help: "A directory that objects are archived in.") var archive: String?
    @OptionGroup var options: KeyCommand.ArchiveKeyOptions

    func run() async throws {
      let keys = try ArchiveKeyFile.require(options.path)
      guard let archive else { return options.show(keys, objects: nil) }
      options.show(keys, objects: try await Self.objects(in: archive))
    }

    /// How many objects say that they are sealed with which key.
    private static func objects(in archive: String) async throws -> [String: Int] {
      let store = DirectoryStore(
        root: archive, files: LiveFileSystem(), random: LiveRandomSource())
      do throws(ArchiveError) {
        var counts: [String: Int] = [:]
        for object in try await store.list("") {
          guard let bytes = try await store.get(object.name),
            let key = ObjectSealer.keyID(of: bytes)
          else { continue }
          counts[key, default: 0] += 1
        }
        return counts
      } catch {
        throw CommandFailure(.refused, code: error.code, detail: error.description)
      }
    }
  }

  struct Rotate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Add a key that seals from now on; processes take it up within seconds.",
      discussion: """
        The older keys stay in the file: they open what they have sealed, and some of that is kept
        for ever. Copy the file to every machine of the deployment, and back it up anew.
        """)
    @OptionGroup var options: KeyCommand.ArchiveKeyOptions

    func run() async throws {
      let keys = try ArchiveKeyFile.rotate(options.path, random: LiveRandomSource())
      options.show(keys, objects: nil)
    }
  }
}

extension KeyCommand.ArchiveKeyOptions {
  /// - Parameter objects: how many objects each key has sealed; nil where nobody asked.
  fileprivate func show(_ keys: ArchiveKeys, objects: [String: Int]?) {
    guard json else {
      for key in keys.all {
        let count = objects.map { ", \($0[key.id] ?? 0) objects" } ?? ""
        Console.out("\(key.id) \(key == keys.newest ? "seals" : "opens")\(count)")
      }
      return
    }
    let opens = keys.all.map { key -> JSON in
      guard let objects else { return ["id": JSON(key.id)] }
      return ["id": JSON(key.id), "objects": JSON(objects[key.id] ?? 0)]
    }
    let answer: JSON = [
      "path": JSON(path), "deployment": JSON(keys.deployment),
      "seals_with": JSON(keys.newest.id), "opens": .array(opens),
    ]
    Console.out(answer.serialized())
  }
}
