"""An interpreter for Go's text/template language, as Modelfiles use it (spec 5.1).

The way of a template: `lex` cuts the source into tokens, `parse` builds the tree of `nodes`,
`execute` walks it over the `values` with the `functions`. `template` holds one parsed template,
`chat` feeds it a conversation, `detect` looks for thinking tags in the tree.
"""
