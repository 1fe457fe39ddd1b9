import Testing

/// The shape of the sources, which no compiler checks.
@Suite struct ShapeTests {
  private static let generated = "wire.pb.swift"

  private func sources() throws -> [SourceFile] {
    let files = try SourceTree.files("Sources", "swift").filter { $0.name != Self.generated }
    #expect(files.count > 100, "the walk found the sources")
    return files
  }

  @Test func `no file has more than 400 lines`() throws {
    for file in try sources() + SourceTree.files("Tests", "swift") {
      #expect(file.lines.count <= 401, "\(file) has \(file.lines.count) lines")
    }
  }

  @Test func `no line has more than 100 columns`() throws {
    for file in try sources() {
      for (index, line) in file.lines.enumerated() {
        #expect(line.count <= 100, "\(file):\(index + 1) has \(line.count) columns")
      }
    }
  }

  @Test(arguments: [
    "Date()", ".random(in:", ".randomElement(", ".shuffled(", " print(", "try!", "Task.detached",
  ])
  func `words that hide time, chance or failure stand only where they are wired`(
    _ word: String
  ) throws {
    let allowed: Set<String> = ["Platform", "aimstors"]
    for file in try sources() where !allowed.contains(file.module) {
      for line in file.code {
        #expect(!line.text.contains(word), "\(file):\(line.number) has \(word)")
      }
    }
  }

  @Test func `only the engines and the machine promise what the compiler cannot check`() throws {
    for file in try sources() where !["Messaging", "Storage", "Platform"].contains(file.module) {
      for line in file.code {
        #expect(!line.text.contains("@unchecked Sendable"), "\(file):\(line.number)")
      }
    }
  }

  @Test func `SQL stands only in stores and schemas`() throws {
    let verbs = [
      "SELECT [a-z0-9_(*]", "INSERT (OR [A-Z]+ )?INTO ", "UPDATE [a-z_]+ SET", "DELETE FROM ",
      "CREATE (TABLE|VIEW|INDEX|TRIGGER) ",
    ]
    let statement = try Regex("\"\\s*(" + verbs.joined(separator: "|") + ")")
    for file in try sources() where file.module != "Storage" {
      let stem = file.name.dropLast(".swift".count)
      if stem.hasSuffix("Store") || stem.hasSuffix("Schema") { continue }
      for line in file.code {
        #expect(line.text.firstMatch(of: statement) == nil, "\(file):\(line.number) has SQL")
      }
    }
  }

  @Test func `roles do not import each other, and the ground imports nobody`() throws {
    let roles: Set<String> = ["Cell", "Router", "ControlPlane", "Replication"]
    let ours = roles.union([
      "Wire", "Platform", "Messaging", "Storage", "Archive", "Edge", "GraphSimulator", "Simulation",
      "Cryptography", "Trust", "CNNG", "CSQLite", "COpenSSL", "CZlib", "CZstd",
    ])
    let onlyIn: [String: Set<String>] = [
      "CNNG": ["Messaging"], "CSQLite": ["Storage"], "CZlib": ["Storage", "Archive"],
      "CZstd": ["Storage"],
    ]
    for file in try sources() {
      for name in file.imports {
        if roles.contains(file.module) {
          #expect(!roles.contains(name), "\(file) imports another role, \(name)")
        }
        if ["Wire", "Platform"].contains(file.module) {
          #expect(!ours.contains(name), "\(file) imports \(name)")
        }
        if file.module == "Router" { #expect(name != "Storage", "\(file) imports Storage") }
        if let owners = onlyIn[name] {
          #expect(owners.contains(file.module), "\(file) imports \(name)")
        }
      }
    }
  }
}

extension SourceFile {
  /// The modules that it imports.
  var imports: [String] {
    code.compactMap { line in
      let words = line.text.split(separator: " ")
      guard let index = words.firstIndex(of: "import"), words.count > index + 1 else { return nil }
      return words[..<index].allSatisfy({ $0.hasPrefix("@") || $0 == "public" })
        ? String(words[index + 1]) : nil
    }
  }
}
