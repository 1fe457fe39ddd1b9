/// DDL as upper-case words and punctuation; comments, strings and quoted names are left out.
struct SchemaWords {
  private let words: [String]

  init(_ ddl: String) {
    var words: [String] = []
    var word = ""
    var rest = Substring(ddl)
    func end() {
      if !word.isEmpty { words.append(word.uppercased()) }
      word = ""
    }
    while let character = rest.first {
      if rest.hasPrefix("--") {
        end()
        rest = rest.drop { $0 != "\n" }
      } else if rest.hasPrefix("/*") {
        end()
        rest = rest.dropFirst(2)
        while !rest.isEmpty, !rest.hasPrefix("*/") { rest = rest.dropFirst() }
        rest = rest.dropFirst(2)
      } else if character == "'" || character == "\"" {
        end()
        rest = rest.dropFirst().drop { $0 != character }.dropFirst()
        words.append("''")
      } else if character.isLetter || character.isNumber || character == "_" {
        word.append(character)
        rest = rest.dropFirst()
      } else {
        end()
        if !character.isWhitespace { words.append(String(character)) }
        rest = rest.dropFirst()
      }
    }
    end()
    self.words = words
  }

  func contains(_ phrase: [String]) -> Bool { Self.contains(phrase, in: words[...]) }

  private static func contains(_ phrase: [String], in words: ArraySlice<String>) -> Bool {
    words.indices.contains { words[$0...].starts(with: phrase) }
  }

  /// Each trigger's words from its name on.
  private var triggers: [ArraySlice<String>] {
    words.indices.filter { words[$0] == "TRIGGER" }.map { start in
      let end = words[start...].firstIndex(of: "END") ?? words.endIndex
      return words[(start + 1)..<end]
    }
  }

  private static let writes: Set<String> = ["INSERT", "UPDATE", "DELETE", "REPLACE"]

  /// Names of triggers whose body writes.
  var writingTriggers: [String] {
    triggers.compactMap { trigger in
      guard let begin = trigger.firstIndex(of: "BEGIN") else { return nil }
      return trigger[begin...].contains { Self.writes.contains($0) } ? trigger.first : nil
    }
  }

  /// Whether a statement of the step itself writes rows.
  var writesOutsideTriggers: Bool {
    var startsStatement = true
    var inTrigger = false
    for word in words {
      if word == "TRIGGER" { inTrigger = true }
      if word == "END" { inTrigger = false }
      if startsStatement, !inTrigger, Self.writes.contains(word) || word == "WITH" { return true }
      startsStatement = word == ";"
    }
    return false
  }

  /// What is dropped, but for views that the same step makes anew: those hold nothing.
  ///
  /// A quoted name is not known here.
  var unreplacedDrops: [String] {
    words.indices.filter { words[$0] == "DROP" }.compactMap { place in
      let dropped = Array(words[(place + 1)...].prefix { $0 != ";" })
      let isReplaced =
        dropped.count == 2 && dropped[0] == "VIEW" && dropped[1] != "''"
        && Self.contains(["CREATE"] + dropped, in: words[place...])
      return isReplaced ? nil : dropped.joined(separator: " ")
    }
  }

  /// The words of each ADD COLUMN up to the statement's end.
  var addedColumns: [Set<String>] {
    words.indices.filter { words[$0] == "ADD" }.map { start in
      Set(words[start...].prefix { $0 != ";" })
    }
  }
}
