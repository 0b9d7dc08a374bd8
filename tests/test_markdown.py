from tfgan.ground.markdown import code, plain


def test_somebodys_words_are_text():
    hostile = "</title><script>x|`y`\n# [a](b)"
    escaped = "&lt;/title&gt;&lt;script&gt;x\\|\\`y\\` # \\[a\\](b)"
    assert plain(hostile) == code(hostile) == escaped
    assert code("--dataset=emnist/letters") == "`--dataset=emnist/letters`"
    assert plain("nn_ratio_p01") == "nn_ratio_p01"
    assert plain("Ärmel 袖 😀") == "Ärmel 袖 😀"
