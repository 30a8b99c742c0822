"""A Dockerfile and a context in, an image out, without a daemon.

bases     FROM: an image of the store, a layout, an archive or a registry -> a snapshot
sources   what COPY and RUN --mount read: a context, a stage, an image
copying   COPY, ADD and WORKDIR -> a layer directory
running   RUN -> a layer directory
stages    stages in parallel, each step looked up by what goes into it
image     layers, config and history -> an Image
"""
