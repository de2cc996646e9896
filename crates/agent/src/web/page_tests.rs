//! Pages, ordinary and hostile.

use super::*;

fn page(html: &str) -> Page {
    let base = Url::parse("https://a.example/dir/page").unwrap();
    read(html, &base, 100_000)
}

#[test]
fn a_page_becomes_markdown() {
    let read = page(
        "<!doctype html><html><head><title> The \n title </title><style>p {}</style>\
         <script>if (a < b) { alert('</p>') }</script></head><body><h1>Head</h1>\
         <p>One <b>two</b>\n  three &amp; <a href='../x?y=1'>a link</a>.</p>\
         <ul><li>first<li>second</ul><pre>  kept\n   as it is</pre>\
         <table><tr><th>a<th>b<tr><td>1<td>2</table>after<br>the break\
         <img src=x alt='a picture'><a href=/><img src=y></a><a href='#top'>top</a></body>",
    );
    assert_eq!(read.title, "The title");
    assert_eq!(
        read.text,
        "# Head\n\nOne two three & [a link](https://a.example/x?y=1).\n\n- first\n- second\n\n\
         ```\n  kept\n   as it is\n```\n\na | b\n1 | 2\n\nafter\nthe break[image: a picture]top"
    );
    assert!(!read.cut);
}

#[test]
fn what_is_not_for_readers_is_left_out() {
    let read = page("a<svg><svg>x</svg>y</svg>b<template><p>no</template>c<svg/>d<!-- e -->");
    assert_eq!(read.text, "abcd");
}

#[test]
fn a_page_gives_as_much_as_is_wanted() {
    let base = Url::parse("https://a.example/").unwrap();
    let long = read(&"<p>word ".repeat(100_000), &base, 1_000);
    assert!(long.cut && long.text.len() > 900 && long.text.len() < 1_000 + 2 * PIECE_BYTES);
}

#[test]
fn a_hostile_page_takes_neither_the_stack_nor_all_time() {
    let pages = [
        "<div>".repeat(200_000),
        "<b><a href=x>".repeat(60_000),
        "</p>".repeat(200_000),
        "<table>".repeat(100_000),
        "<svg>".repeat(100_000),
        format!("<a {}", "b ".repeat(200_000)),
        format!(
            "<a {}>",
            (0..400_000)
                .map(|at| format!("a{at}=1 "))
                .collect::<String>()
        ),
        format!("<!--{}", "-".repeat(1_000_000)),
        "&".repeat(300_000),
        "\0".repeat(200_000),
        "<".repeat(300_000),
        "<script>".repeat(100_000),
    ];
    for html in pages {
        let read = page(&html);
        assert!(read.text.len() <= 100_000 + 2 * PIECE_BYTES);
    }
}
